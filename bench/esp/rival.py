# SPDX-License-Identifier: Apache-2.0
"""A program that is measured beside us: it runs on the case's CPU while it is measured, and is stopped otherwise.
Nothing takes the CPU from it meanwhile: what it says are means, where ours are medians."""

import os
import signal
import subprocess
import time

KEY = "00112233445566778899aabbccddeeff"
SALT = "a0a1a2a3"


class Rival:
    def __init__(self, command, log, cpu):
        self.log = log
        with open(log, "wb") as out:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                preexec_fn=lambda: os.sched_setaffinity(0, {cpu}),
            )

    def ready(self):
        """Waits until it works; then it is stopped."""

    def __enter__(self):
        try:
            self.ready()
            self.pause()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.resume()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def run(self):
        os.sched_setscheduler(self.process.pid, os.SCHED_FIFO, os.sched_param(1))
        self.resume()

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def wait(self, done, seconds):
        end_at = time.monotonic() + seconds
        while not done():
            if time.monotonic() > end_at or self.process.poll() is not None:
                raise RuntimeError(f"it did not start, or sent nothing: {self.said().strip().splitlines()[-1:]}")
            time.sleep(0.1)
