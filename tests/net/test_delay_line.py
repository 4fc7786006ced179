# SPDX-License-Identifier: Apache-2.0
"""The delay line alone, with numbered frames: a constant delay, order kept, whole frames,
and losses that a seed repeats (test_lab.py has it in the small internet)."""
import json
import os

import pytest

from lab import BUILD, wait_for

DELAY_LINE = os.path.join(BUILD, "tests/net/delay_line")
# Sends numbered frames on the left, reads them on the right: [[number, seconds, length], ...]. An experimental EtherType.
FRAMES = """
import json, select, socket, struct, sys, time
count, size, pause = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
def end(name):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x88b5))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    s.bind((name, 0x88b5))
    return s
a, b, seen, sent, last = end("left"), end("right"), [], {}, time.monotonic()
number = 0
while number < count or time.monotonic() - last < 0.3:
    if number < count:
        sent[number] = last = time.monotonic()
        a.send(b"\\xff" * 6 + b"\\x02" + bytes(5) + b"\\x88\\xb5" + struct.pack("!I", number) + bytes(size))
        number += 1
    while select.select([b], [], [], pause if number < count else 0.02)[0]:
        frame = b.recv(65536)
        last = time.monotonic()
        n = struct.unpack_from("!I", frame, 14)[0]
        seen.append([n, last - sent[n], len(frame)])
print(json.dumps(seen))
"""


@pytest.fixture
def wire(lab):
    """A function: run frames through a new delay line from left to right; what arrived."""
    ns = lab.namespace("line")
    for ends in (("left", "near"), ("far", "right")):
        lab.link(ns, ends[0], ns, ends[1])
    # Nothing else may draw from the generator.
    lab.sysctl(ns, {f"net.ipv6.conf.{i}.disable_ipv6": 1 for i in ("left", "near", "far", "right")})
    runs = []

    def run(milliseconds, loss, seed, count=400, size=60, pause=0.0005):
        runs.append(1)
        line = lab.spawn(ns, f"line-{len(runs)}", DELAY_LINE, "near", "far", milliseconds, loss, seed)
        ready = lambda: lab.run(ns, "cat", "/proc/net/packet").count("\n") >= 3  # a title, and two sockets
        wait_for("the delay line", ready)
        seen = json.loads(lab.run(ns, "/usr/bin/python3", "-c", FRAMES, count, size, pause))
        assert line.stop() == 0
        return seen
    return run


def test_delay_and_order(wire):
    seen = wire(25, 0, 1, count=200, pause=0.002)
    assert [n for n, _, _ in seen] == list(range(200))
    delays = sorted(d for _, d, _ in seen)
    assert delays[0] >= 0.025 and delays[100] < 0.030, (delays[0], delays[100])


def test_without_delay_and_loss_it_is_a_wire(wire):
    seen = wire(0, 0, 1, size=1460)
    assert [n for n, _, _ in seen] == list(range(400))
    assert {length for _, _, length in seen} == {14 + 4 + 1460}


def test_losses_are_those_of_the_seed(wire):
    first, again, other = (wire(1, 0.2, seed) for seed in (7, 7, 8))
    numbers = [[n for n, _, _ in seen] for seen in (first, again, other)]
    assert numbers[0] == numbers[1] != numbers[2]
    for survived in numbers:
        assert survived == sorted(survived) and 280 < len(survived) < 360  # 320 are expected, 8 is one sigma
