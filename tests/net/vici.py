# SPDX-License-Identifier: Apache-2.0
"""A client of strongSwan's VICI protocol (README of the vici plugin), for what
swanctl prints for people only: SAs as data, and commands with their errors."""
import socket
import struct

CMD_REQUEST, CMD_RESPONSE, CMD_UNKNOWN = 0, 1, 2
EVENT_REGISTER, EVENT_UNREGISTER, EVENT_CONFIRM, EVENT_UNKNOWN, EVENT = 3, 4, 5, 6, 7
SECTION_START, SECTION_END, KEY_VALUE, LIST_START, LIST_ITEM, LIST_END = 1, 2, 3, 4, 5, 6


class ViciError(Exception):
    pass


def encode(message):
    out = b""
    for key, value in message.items():
        name = bytes([len(key)]) + key.encode()
        if isinstance(value, dict):
            out += bytes([SECTION_START]) + name + encode(value) + bytes([SECTION_END])
        elif isinstance(value, list):
            items = b"".join(struct.pack("!BH", LIST_ITEM, len(str(v))) + str(v).encode() for v in value)
            out += bytes([LIST_START]) + name + items + bytes([LIST_END])
        else:
            text = str(value).encode()
            out += bytes([KEY_VALUE]) + name + struct.pack("!H", len(text)) + text
    return out


def decode(data):
    root = {}
    stack, items, at = [root], None, 0

    def text(width):
        nonlocal at
        size = int.from_bytes(data[at:at + width], "big")
        at += width + size
        return data[at - size:at].decode(errors="replace")

    while at < len(data):
        kind = data[at]
        at += 1
        if kind == SECTION_START:
            stack.append(stack[-1].setdefault(text(1), {}))
        elif kind == SECTION_END:
            stack.pop()
        elif kind == KEY_VALUE:
            key = text(1)
            stack[-1][key] = text(2)
        elif kind == LIST_START:
            items = stack[-1].setdefault(text(1), [])
        elif kind == LIST_ITEM:
            items.append(text(2))
    return root


class Vici:
    def __init__(self, path, timeout=30):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(path)

    def close(self):
        self.socket.close()

    def _send(self, kind, name=None, message=b""):
        packet = bytes([kind])
        if name is not None:
            packet += bytes([len(name)]) + name.encode()
        packet += message
        self.socket.sendall(struct.pack("!I", len(packet)) + packet)

    def _read(self, size):
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise ViciError("charon closed the connection")
            data += part
        return data

    def _receive(self):
        packet = self._read(struct.unpack("!I", self._read(4))[0])
        if packet[0] == EVENT:
            return EVENT, decode(packet[2 + packet[1]:])
        return packet[0], decode(packet[1:])

    def request(self, command, message=None):
        self._send(CMD_REQUEST, command, encode(message or {}))
        kind, answer = self._receive()
        if kind != CMD_RESPONSE:
            raise ViciError(f"{command}: unknown to charon")
        if answer.get("success", "yes") != "yes":
            raise ViciError(f"{command}: {answer.get('errmsg')}")
        return answer

    def stream(self, command, event, message=None):
        """A command that answers by events: the list of these."""
        self._send(EVENT_REGISTER, event)
        self._receive()
        self._send(CMD_REQUEST, command, encode(message or {}))
        events = []
        while True:
            kind, answer = self._receive()
            if kind != EVENT:
                break
            events.append(answer)
        self._send(EVENT_UNREGISTER, event)
        self._receive()
        return events
