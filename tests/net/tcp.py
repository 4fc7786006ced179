# SPDX-License-Identifier: Apache-2.0
"""A TCP transfer between two namespaces, by their kernels: as many bytes there as back, all checked."""
import hashlib
import os
import random
import socket
import threading

from lab import LIBC, LabError

CLONE_NEWNET = 0x40000000
TCP_MAXSEG, TCP_INFO = 2, 11


def socket_in(ns, version, kind=socket.SOCK_STREAM):
    """A socket that belongs to a namespace."""
    made = []

    def make():  # a thread of its own: nobody else's namespace changes
        target = os.open(f"/run/netns/{ns}", os.O_RDONLY)
        try:
            if LIBC.setns(target, CLONE_NEWNET) == 0:
                made.append(socket.socket(socket.AF_INET6 if version == 6 else socket.AF_INET, kind))
        finally:
            os.close(target)
    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    if not made:
        raise LabError(f"no socket in {ns}")
    return made[0]


def _send(s, data):
    s.sendall(data)
    s.shutdown(socket.SHUT_WR)


def _receive(s, size):
    digest, got = hashlib.sha256(), 0
    while True:
        part = s.recv(65536)
        if not part:
            return got, digest.digest()
        digest.update(part)
        got += len(part)


def transfer(client_ns, server_ns, server, port, size=1 << 20, timeout=30):
    """`size` bytes up, then as many down, on one connection; what was lost on the way is an error.
    The most bytes in one segment of either side's."""
    version = 6 if ":" in server else 4
    data = random.Random(size).randbytes(size)
    want = size, hashlib.sha256(data).digest()
    with socket_in(server_ns, version) as listener, socket_in(client_ns, version) as up:
        for s in (listener, up):
            s.settimeout(timeout)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((server, port))
        listener.listen()
        up.connect((server, port))
        down, _ = listener.accept()
        with down:
            down.settimeout(timeout)
            for sender, receiver, what in ((up, down, "up"), (down, up, "down")):
                thread = threading.Thread(target=_send, args=(sender, data), daemon=True)
                thread.start()
                try:
                    found = _receive(receiver, size)
                except TimeoutError:
                    raise LabError(f"TCP {what} stands still") from None
                thread.join(timeout)
                if found != want:
                    raise LabError(f"TCP {what}: {found[0]} of {size} bytes")
            return max(s.getsockopt(socket.IPPROTO_TCP, TCP_MAXSEG) for s in (up, down))
