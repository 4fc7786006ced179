# SPDX-License-Identifier: Apache-2.0
"""Captures on the outer links and what must hold on them: nothing inner in clear,
and what each ESP packet carried (SPI, sequence number)."""
import os
import socket
import struct

from lab import wait_for

# What may stand on an outer link: IKE and ESP in UDP, ESP, ARP, ICMP of the outer
# addresses, IPv6 extension and fragment headers of these. Later fragments have no ports.
OUTER = "(udp port 500 or udp port 4500 or proto 50 or ip6 proto 50 or arp or icmp or icmp6 or dst net ff02::/16 or ip[6:2] & 0x1fff != 0)"


class Capture:
    """tcpdump on one interface, running from construction to stop()."""

    def __init__(self, lab, ns, interface, expression, name, snaplen=0):
        self.file = lab.path(name + ".pcap")
        self.process = lab.spawn(ns, "tcpdump-" + name, "tcpdump", "-Z", "root", "-n", "-p", "-U", "--immediate-mode",
                                 "-B", "16384", "-s", snaplen, "-i", interface, "-w", self.file, expression)
        wait_for(f"tcpdump on {interface}", lambda: "listening on" in self.process.text())

    def stop(self):
        if self.process.running():
            self.process.stop()
        return self.packets()

    def packets(self):
        """[(unix time, frame)]; a frame begins with its Ethernet header."""
        with open(self.file, "rb") as f:
            data = f.read()
        at, packets = 24, []
        while at + 16 <= len(data):
            seconds, micros, size, _ = struct.unpack_from("<IIII", data, at)
            if at + 16 + size > len(data):
                break
            packets.append((seconds + micros / 1e6, data[at + 16:at + 16 + size]))
            at += 16 + size
        return packets


def inner_filter(prefixes):
    return " or ".join(f"{'ip6 ' if ':' in p else ''}net {p}" for p in prefixes)


class LeakWatch:
    """Watches outer links for anything inner in clear, and for anything that has no business there."""

    def __init__(self, lab, ns, interfaces, inner_prefixes):
        expression = f"{inner_filter(inner_prefixes)} or not {OUTER}"
        self.captures = [Capture(lab, ns, i, expression, f"leak-{i}") for i in interfaces]

    def stop(self):
        """The frames that should not have been there, as text."""
        found = []
        for capture in self.captures:
            name = os.path.basename(capture.file)[len("leak-"):-len(".pcap")]
            found += [f"{name}: {describe(frame)}" for _, frame in capture.stop()]
        return found


def describe(frame):
    kind = struct.unpack_from("!H", frame, 12)[0]
    if kind == 0x0800 and len(frame) >= 34:
        return (f"IPv4 {socket.inet_ntop(socket.AF_INET, frame[26:30])} > "
                f"{socket.inet_ntop(socket.AF_INET, frame[30:34])} protocol {frame[23]}, {len(frame)} bytes")
    if kind == 0x86dd and len(frame) >= 54:
        return (f"IPv6 {socket.inet_ntop(socket.AF_INET6, frame[22:38])} > "
                f"{socket.inet_ntop(socket.AF_INET6, frame[38:54])} next header {frame[20]}, {len(frame)} bytes")
    return f"type {kind:#06x}, {len(frame)} bytes"


class Esp:
    """One ESP packet on the wire: outer addresses, ports (None without UDP), SPI, sequence number."""

    __slots__ = ("time", "source", "destination", "ports", "spi", "sequence", "frame", "payload")

    def __init__(self, time, source, destination, ports, frame, payload):
        self.time, self.source, self.destination, self.ports, self.frame = time, source, destination, ports, frame
        self.payload = payload
        self.spi, self.sequence = struct.unpack_from("!II", payload)


def esp_packets(packets):
    """The ESP packets among captured frames, in either encapsulation and family."""
    for when, frame in packets:
        kind = struct.unpack_from("!H", frame, 12)[0]
        if kind == 0x0800:
            protocol, at = frame[23], 14 + (frame[14] & 15) * 4
            pair = [socket.inet_ntop(socket.AF_INET, frame[i:i + 4]) for i in (26, 30)]
        elif kind == 0x86dd:
            protocol, at = frame[20], 54
            pair = [socket.inet_ntop(socket.AF_INET6, frame[i:i + 16]) for i in (22, 38)]
        else:
            continue
        ports = None
        if protocol == 17 and len(frame) >= at + 8:
            ports = struct.unpack_from("!HH", frame, at)
            at += 8
            if 4500 not in ports or frame[at:at + 4] == b"\0\0\0\0":
                continue
        elif protocol != 50:
            continue
        if len(frame) >= at + 8:
            yield Esp(when, *pair, ports, frame, frame[at:])
