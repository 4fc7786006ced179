# SPDX-License-Identifier: Apache-2.0
"""UDP echo through a tunnel: how many packets were lost, and how long nothing came (stream.py)."""
import json
import os
import signal
import time
from contextlib import contextmanager

STREAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "stream.py")
ECHO_PORT = 7007


@contextmanager
def probing(lab, namespace, address, rate=100):
    """`rate` packets a second to the echo server at `address` while the block runs; the yielded dict has, after
    it, `sent`, `received`, `lost` and `longest` (seconds between two answers)."""
    file, result = lab.path(f"probe-{time.monotonic_ns()}.json"), {}
    process = lab.spawn(namespace, "probe", "/usr/bin/python3", STREAM, "probe", address, ECHO_PORT, rate, file)
    time.sleep(0.3)  # a steady stream before anything happens
    try:
        yield result
        time.sleep(0.5)  # and after it
    finally:
        process.signal(signal.SIGTERM)
        process.wait()
    with open(file, encoding="ascii") as f:
        result.update(json.load(f))
