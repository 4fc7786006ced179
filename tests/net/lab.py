# SPDX-License-Identifier: Apache-2.0
"""Namespaces, links and processes of one run, and their end.

A Lab owns everything that it made: whatever happens (failure, Ctrl-C, SIGTERM),
close() ends its own processes and removes its own namespaces. Names carry the
process ID, so that several runs live side by side; what a killed run left
behind is swept by the next one.
"""
import atexit
import ctypes
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("ROAMGATE_BUILD", os.path.join(REPO, "build"))
LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1

_numbers = itertools.count()


class LabError(Exception):
    """Something in the lab did not come up or a condition never held."""


def wait_for(what, condition, timeout=10.0, interval=0.01):
    """Poll `condition` until it returns something true; that value is returned."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise LabError(f"waited {timeout:g} s for {what}")
        time.sleep(interval)


def json_lines(path):
    """The objects of a file that a program writes line by line; the one that it is just writing is for the next
    look."""
    with open(path, encoding="utf-8") as f:
        text = f.read()  # at once: iterated over, a file that grows gives a line in two parts
    return [json.loads(line) for line in text[:text.rfind("\n") + 1].splitlines()]


def _die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """A daemon of the lab; its output goes to `log`."""

    def __init__(self, name, popen, log):
        self.name, self.popen, self.log = name, popen, log
        self.pid = popen.pid

    def running(self):
        return self.popen.poll() is None

    def text(self):
        with open(self.log, errors="replace") as f:
            return f.read()

    def signal(self, number):
        if self.running():
            self.popen.send_signal(number)

    def wait(self, timeout=10):
        return self.popen.wait(timeout)

    def stop(self, timeout=5):
        self.signal(signal.SIGTERM)
        try:
            return self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            return self.popen.wait()

    def kill(self):
        self.signal(signal.SIGKILL)
        self.popen.wait()


def _letters(number):
    return (_letters(number // 26 - 1) if number >= 26 else "") + chr(ord("a") + number % 26)


class Lab:
    def __init__(self):
        sweep()
        self.tag = f"rg{os.getpid()}{_letters(next(_numbers))}"
        self.dir = tempfile.mkdtemp(prefix=self.tag + "-")
        self.namespaces, self.processes, self.finalizers = [], [], []
        self.open = True
        atexit.register(self.close)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- namespaces and links

    def namespace(self, name):
        full = f"{self.tag}-{name}"
        ip("netns", "add", full)
        self.namespaces.append(full)
        # One answerer an address, no source check: asymmetric paths are what is tested.
        # Duplicate address detection would only delay the start.
        self.sysctl(full, {
            "net.ipv4.conf.all.rp_filter": 0, "net.ipv4.conf.default.rp_filter": 0,
            "net.ipv4.conf.all.arp_ignore": 1, "net.ipv4.conf.default.arp_ignore": 1,
            "net.ipv6.conf.all.accept_ra": 0, "net.ipv6.conf.default.accept_ra": 0,
            "net.ipv6.conf.all.accept_dad": 0, "net.ipv6.conf.default.accept_dad": 0,
            "net.ipv6.conf.all.router_solicitations": 0,
            "net.ipv6.conf.default.router_solicitations": 0,
        })
        ip("-n", full, "link", "set", "lo", "up")
        return full

    def sysctl(self, ns, values):
        script = "".join(f"echo {value} > /proc/sys/{key.replace('.', '/')}\n" for key, value in values.items())
        self.run(ns, "sh", "-c", script)

    def link(self, ns_a, if_a, ns_b, if_b, checksums=False):
        """A veth pair. Without `checksums` both ends hand over whole, checksummed frames,
        as a wire would: programs that read raw frames see what a NIC would give them."""
        ip("link", "add", if_a, "netns", ns_a, "type", "veth", "peer", "name", if_b, "netns", ns_b)
        for ns, interface in ((ns_a, if_a), (ns_b, if_b)):
            if not checksums:
                self.run(ns, "ethtool", "-K", interface, "tx", "off", "tso", "off", "gso", "off", "gro", "off")
            ip("-n", ns, "link", "set", interface, "up")

    def address(self, ns, interface, *addresses):
        for address in addresses:
            extra = ["nodad"] if ":" in address else []
            ip("-n", ns, "addr", "replace", address, "dev", interface, *extra)

    def nft(self, ns, script):
        self.run(ns, "nft", "-f", "-", input=script)

    # ---- processes

    def run(self, ns, *command, check=True, timeout=30, **kw):
        """Run a short command in a namespace (None: where we are); its output is returned."""
        prefix = ["ip", "netns", "exec", ns] if ns else []
        done = subprocess.run([*prefix, *map(str, command)], text=True, capture_output=True, timeout=timeout, **kw)
        if check and done.returncode:
            raise LabError(f"{' '.join(map(str, command))}: exit {done.returncode}: {done.stderr.strip()} "
                           f"{done.stdout.strip()[-500:]}")
        return done if not check else done.stdout

    def spawn(self, ns, name, *command, env=None, stdin=subprocess.DEVNULL, stdout=None, cwd=None):
        """Start a daemon or a helper in a namespace. It dies with us, however we die."""
        if os.path.isabs(str(command[0])) and not os.access(command[0], os.X_OK):
            raise LabError(f"{command[0]} is not there: ./run build")
        prefix = ["ip", "netns", "exec", ns] if ns else []
        log = os.path.join(self.dir, name + ".log")
        with open(log, "ab") as out:
            popen = subprocess.Popen([*prefix, *map(str, command)], stdin=stdin, stdout=stdout or out, stderr=out,
                                     env={**os.environ, **(env or {})}, cwd=cwd or self.dir,
                                     start_new_session=True, preexec_fn=_die_with_parent)
        process = Process(name, popen, log)
        self.processes.append(process)
        return process

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    # ---- the end

    def close(self, save_to=None):
        """Idempotent. `save_to`: a folder for the logs and captures, for a test that failed."""
        if not self.open:
            return
        self.open = False
        for finalizer in reversed(self.finalizers):
            finalizer()
        # No farewells: a test that wants a clean stop has asked for one.
        for process in self.processes:
            process.signal(signal.SIGKILL)
        for process in self.processes:
            process.popen.wait()
        for ns in self.namespaces:
            subprocess.run(["ip", "netns", "del", ns], capture_output=True)
        if save_to:
            shutil.rmtree(save_to, ignore_errors=True)
            shutil.copytree(self.dir, save_to, ignore=_not_copied, ignore_dangling_symlinks=True)
        shutil.rmtree(self.dir, ignore_errors=True)
        atexit.unregister(self.close)


def _not_copied(folder, names):
    """Sockets cannot be copied, and the download's file need not be; keys may be, they die with the run."""
    def skip(path):
        return not (os.path.isdir(path) or os.path.isfile(path)) or os.path.getsize(path) > 64 << 20
    return [n for n in names if skip(os.path.join(folder, n))]


def ip(*arguments):
    done = subprocess.run(["ip", *map(str, arguments)], text=True, capture_output=True)
    if done.returncode:
        raise LabError(f"ip {' '.join(map(str, arguments))}: {done.stderr.strip()}")
    return done.stdout


def _left_behind(folder):
    """Names in `folder` that carry the process ID of a run that is gone."""
    for name in os.listdir(folder) if os.path.isdir(folder) else []:
        match = re.fullmatch(r"rg(\d+)[a-z]+-.*", name)
        if match and not os.path.exists(f"/proc/{match[1]}"):
            yield name


def sweep():
    """Remove namespaces and folders of runs that were killed."""
    for name in _left_behind("/run/netns"):
        pids = subprocess.run(["ip", "netns", "pids", name], text=True, capture_output=True).stdout.split()
        for pid in pids:
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                pass
        subprocess.run(["ip", "netns", "del", name], capture_output=True)
    for name in _left_behind(tempfile.gettempdir()):
        shutil.rmtree(os.path.join(tempfile.gettempdir(), name), ignore_errors=True)


def terminate_on_signals():
    """SIGTERM and SIGHUP are like Ctrl-C: every `with` and `finally` cleans up, and pytest stops."""
    def stop(_number, _frame):
        raise KeyboardInterrupt
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, stop)
