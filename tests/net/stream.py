#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A paced TCP download of known content, and an echo probe, as small programs.

    stream.py serve ADDRESS PORT BYTES RATE SEED     one connection after the other
    stream.py fetch ADDRESS PORT FILE                writes JSON to FILE at the end
    stream.py echo ADDRESS PORT                      UDP echo server
    stream.py probe ADDRESS PORT RATE FILE           UDP probes until SIGTERM, then JSON

The content is that of Python's random.Random(SEED), so both sides know its hash
without sharing a file. Times are CLOCK_MONOTONIC, the same in every namespace.
"""
import hashlib
import json
import os
import random
import select
import signal
import socket
import sys
import time

SLICE = 0.002  # seconds between two writes of the paced server
SILENCE = 0.005  # seconds; shorter gaps are not worth noting
LAST_ANSWER = 2  # seconds to wait for it at the end
BLOCK = 1 << 20
# charon takes ESP and IKE from one socket of 208 KiB. More in flight than fits there would cost
# it IKE messages, which come again only after seconds: a fault of the client, not what is measured.
RECEIVE_BUFFER = 64 << 10


def content(size, seed):
    generator = random.Random(seed)
    while size > 0:
        yield generator.randbytes(BLOCK)[:size]
        size -= BLOCK


def content_hash(size, seed):
    digest = hashlib.sha256()
    for block in content(size, seed):
        digest.update(block)
    return digest.hexdigest()


def _socket(address, kind):
    return socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)


def serve(address, port, size, rate, seed):
    data = b"".join(content(size, seed))
    listener = _socket(address, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(4)
    print("ready", flush=True)
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            _send_paced(connection, memoryview(data), rate)
        except OSError as error:
            print(f"client went away: {error}", flush=True)
        connection.close()


def _send_paced(connection, data, rate):
    """Behind schedule it catches up, at most half a second of it, so that a silence shows as one."""
    sent, started = 0, time.monotonic()
    while sent < len(data):
        time.sleep(SLICE)
        due = int((time.monotonic() - started) * rate)
        if due - sent > rate // 2:
            started += (due - sent - rate // 2) / rate
            due = sent + rate // 2
        while sent < min(due, len(data)):
            sent += connection.send(data[sent:due])


def fetch(address, port, file):
    connection = _socket(address, socket.SOCK_STREAM)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    connection.connect((address, port))
    digest, total, arrivals = hashlib.sha256(), 0, {}
    buffer = memoryview(bytearray(1 << 18))
    began = last = time.monotonic()
    silences, error = [], None
    while True:
        try:
            size = connection.recv_into(buffer)
        except OSError as e:
            error = str(e)
            break
        now = time.monotonic()
        if now - last >= SILENCE:
            silences.append((last, now - last))
        last = now
        if not size:
            break
        digest.update(buffer[:size])
        total += size
        slot = int(now * 1000)
        arrivals[slot] = arrivals.get(slot, 0) + size
    with open(file + ".part", "w") as f:
        json.dump({"sha256": digest.hexdigest(), "bytes": total, "began": began, "ended": last, "error": error,
                   "silences": silences, "arrivals": sorted(arrivals.items())}, f)
    os.rename(file + ".part", file)


def echo(address, port):
    server = _socket(address, socket.SOCK_DGRAM)
    server.bind((address, port))
    print("ready", flush=True)
    while True:
        data, peer = server.recvfrom(2048)
        server.sendto(data, peer)


def probe(address, port, rate, file):
    client = _socket(address, socket.SOCK_DGRAM)
    client.connect((address, port))
    client.setblocking(False)
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(time.monotonic()))
    sent, received, number = {}, {}, 0
    due = time.monotonic()
    # What is on its way when the end comes is not lost: it is waited for.
    while not stopped or (len(received) < len(sent) and time.monotonic() - stopped[0] < LAST_ANSWER):
        now = time.monotonic()
        if not stopped and now >= due:
            number += 1
            sent[number] = now
            due += 1 / rate
            try:
                client.send(str(number).encode())
            except OSError:
                pass
        wait = 0.1 if stopped else max(0, min(due - time.monotonic(), 0.1))
        readable, _, _ = select.select([client], [], [], wait)
        if readable:
            try:
                received.setdefault(int(client.recv(2048)), time.monotonic())
            except OSError:
                pass
    lost = [n for n in sent if n not in received]
    arrivals = sorted(received.values())
    gaps = [(a, b - a) for a, b in zip(arrivals, arrivals[1:])]
    with open(file, "w") as f:
        json.dump({"sent": len(sent), "received": len(received), "lost": len(lost),
                   "longest": max((g for _, g in gaps), default=None)}, f)


def main():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    command, address, port, *rest = sys.argv[1:]
    if command == "serve":
        serve(address, int(port), *map(int, rest))
    elif command == "fetch":
        fetch(address, int(port), *rest)
    elif command == "echo":
        echo(address, int(port))
    elif command == "probe":
        probe(address, int(port), float(rest[0]), rest[1])


if __name__ == "__main__":
    main()
