# SPDX-License-Identifier: Apache-2.0
"""The two traffic generators: Pktgen-DPDK, which searches the highest rate without loss, and
Debian's dpdk-testpmd, which has no rates and sends as fast as the gateway takes packets.
Both use one lcore for both memif ports."""
import contextlib
import json
import os
import re
import shutil
import subprocess
import time

from rig import GATEWAY_MAC, GENERATOR_MAC, MEAN, REPO
from lab import LabError, wait_for

HERE = os.path.join(REPO, "bench/pktgen")
FLOW = 1000  # packets that came back: more than ARP and the like
POOLS_MIB = 3584  # of Pktgen: five pools a port, of buffers for jumbo frames


HUGEPAGES = "/sys/kernel/mm/hugepages/hugepages-2048kB/"


def free_hugepages_mib():
    try:
        with open(HUGEPAGES + "free_hugepages") as f:
            return int(f.read()) * 2
    except OSError:
        return 0


def _set_hugepages(count):
    with open(HUGEPAGES + "nr_hugepages", "w") as f:
        f.write(str(count))


@contextlib.contextmanager
def hugepages(mib):
    """So many more of them, as far as there is memory; given back whatever happens."""
    with open(HUGEPAGES + "nr_hugepages") as f:
        before = int(f.read())
    try:
        _set_hugepages(before + mib // 2)
        yield
    finally:
        _set_hugepages(before)


def eal(cpu, mib, name):
    """lcore `cpu` + 1 sends and receives, on CPU `cpu`. The main lcore floats, it sleeps but for a few moments a
    second; its number is that of the CPU because Pktgen puts the thread that draws its screen on the CPU of that
    number."""
    cpus = ",".join(map(str, sorted(os.sched_getaffinity(0))))
    memory = ["--in-memory"] if free_hugepages_mib() >= mib else ["--no-huge", "--no-shconf"]
    return ["--lcores", f"{cpu}@({cpus}),{cpu + 1}@{cpu}", f"--main-lcore={cpu}", "--no-pci", "--no-telemetry",
            f"--file-prefix={name}-{os.getpid()}", *memory, "-m", str(mib)]


def environment(rig):
    """EAL's folder for run time files, which it never removes, is the lab's."""
    return {"RUNTIME_DIRECTORY": rig.lab.dir, "TERM": "dumb"}


def memif(port, sends):
    """The ring that is received from has room for all that the other one holds: a generator that is kept from
    its CPU for a moment delays packets, but loses none."""
    return ["--vdev", f"net_memif{port},role=client,id={port},mac={GENERATOR_MAC[port]},rsize={9 if sends else 10}"]


def record(name, direction, size, clients, mpps, lost, more):
    return {"generator": name, "direction": direction, "size": int(MEAN[size]), "mix": size, "clients": clients,
            "mpps": round(mpps, 4), "gbps": round(mpps * MEAN[size] * 8 / 1e3, 4), "loss": lost, **more}


class Pktgen:
    def __init__(self, program):
        self.program, self.name = program, "pktgen"

    @staticmethod
    def find():
        program = shutil.which("pktgen")
        return Pktgen(program) if program else None

    @staticmethod
    def _calm(process, cpu):
        """The thread that draws Pktgen's screen, on or off, spins on the generator's CPU: give it little of that."""
        tasks = f"/proc/{process.pid}/task"
        for task in os.listdir(tasks) if process.running() else []:
            try:
                with open(f"{tasks}/{task}/comm") as f:
                    if "worker" not in f.read() and os.sched_getaffinity(int(task)) == {cpu}:
                        os.setpriority(os.PRIO_PROCESS, int(task), min(19, os.getpriority(os.PRIO_PROCESS, 0) + 15))
            except (FileNotFoundError, ProcessLookupError):
                pass

    def rounds(self, direction, size, quick):
        """Of the pcap: an IMIX that comes out even, or a trial of ESP."""
        if direction == "decrypt":
            return 32 if quick else 64
        return 3 if size == "imix" else 0

    def measure(self, rig, cpu, direction, size, quick):
        rounds, pcap, mib = self.rounds(direction, size, quick), [], POOLS_MIB
        if rounds:
            file = rig.pcap(direction, size, rounds)
            pcap = ["-s", f"{0 if direction == 'encrypt' else 1}:{file}"]
            mib += 64 + (os.path.getsize(file) + rounds * rig.clients * 512 >> 20) * (4 if size == "imix" else 1)
        result = rig.lab.path("result.json")
        process = rig.lab.spawn(
            rig.ns, f"pktgen-{direction}-{size}", self.program, *eal(cpu, mib, "pktgen"),
            *memif(0, direction == "encrypt"), *memif(1, direction == "decrypt"),
            "--", "-m", f"{cpu + 1}.0,{cpu + 1}.1", *pcap, "-f", os.path.join(HERE, direction + ".lua"), env={
                "SIZE": size, "CLIENTS": str(rig.clients), "RESULT": result, **environment(rig),
                "GATEWAY_MAC": GATEWAY_MAC[0 if direction == "encrypt" else 1],
                "SECONDS": "0.5" if quick else "2", "RESOLUTION": "5" if quick else "2",
                "PACKETS": str(rounds * rig.clients),
                "LINGER": "60",
                "RENEW": " ".join(rig.command("renew")) + " >/dev/null"})

        def ended():
            self._calm(process, cpu)
            return not process.running() or os.path.exists(result)
        wait_for("pktgen to end or to tell a result", ended, 300, 0.1)
        if not os.path.exists(result):
            raise RuntimeError(f"pktgen told no result; the end of its output:\n{process.text()[-3000:]}")
        rig.close()
        with open(result) as f:
            found = json.load(f)
        trials = [line for line in process.text().splitlines() if re.match(r"  +[\d.]+ Mpps for ", line)]
        return record(found["generator"], direction, size, rig.clients, found["mpps"], found["loss"], {
            key: found[key] for key in ("trials", "seconds", "overload_mpps", "overload_loss")}), trials


class Testpmd:
    """Ports: 0 reads the pcap, 1 and 2 are the gateway's, 3 takes what came back. Packets go 0 -> 1
    and 2 -> 3; where a ring is full testpmd tries again, so it runs as fast as the gateway."""
    def __init__(self, program):
        self.program = program
        done = subprocess.run(["pkg-config", "--modversion", "libdpdk"], text=True, capture_output=True)
        self.name = f"testpmd {done.stdout.strip()}".strip()

    @staticmethod
    def find():
        program = shutil.which("dpdk-testpmd")
        return Testpmd(program) if program else None

    @staticmethod
    def rounds(direction, clients, quick):
        """A pass of ESP is sent once, as fast as libpcap reads it; plaintext again and again."""
        if direction == "decrypt":
            return (320000 if quick else 1280000) // clients
        return 3

    def measure(self, rig, cpu, direction, size, quick):
        rounds = self.rounds(direction, rig.clients, quick)
        file = rig.pcap(direction, size, rounds)
        there, back = (0, 1) if direction == "encrypt" else (1, 0)
        endless = ",infinite_rx=1" if direction == "encrypt" else ""
        if direction == "decrypt":
            rig.call("renew")
        process = rig.lab.spawn(
            rig.ns, f"testpmd-{direction}-{size}", "stdbuf", "-oL", self.program, *eal(cpu, 512, "testpmd"),
            "--vdev", f"net_pcap0,rx_pcap={file}{endless}", *memif(there, True), *memif(back, False),
            "--vdev", "net_null0,no-rx=1",
            "--", "-i", "--nb-cores=1", "--total-num-mbufs=65536", "--no-lsc-interrupt", stdin=subprocess.PIPE,
            env=environment(rig))
        rig.wait_links(process)
        looks = Looks(process)
        before = sum(rig.drops().values())
        looks.say("set fwd io retry")
        looks.say("set burst tx delay 0 retry 4000000000")
        looks.say("start")
        if endless:
            self._wait_for_flow(rig, looks)
            before = sum(rig.drops().values())
        points = looks.take(1 if quick else 3)
        lost = sum(rig.close().values()) - before
        (t0, n0), (t1, n1) = points[0], points[-1]
        return record(self.name, direction, size, rig.clients, (n1 - n0) / (t1 - t0) / 1e6, lost, {
            "trials": 1, "seconds": round(t1 - t0, 3)}), []

    @staticmethod
    def _wait_for_flow(rig, looks):
        """The gateway's kernel says when a carrier that came up may be used, and has its own time for it."""
        try:
            wait_for("packets to come back", lambda: looks.now() > FLOW, timeout=20)
        except LabError as error:
            raise RuntimeError(f"{error}; the gateway dropped {rig.drops()}") from error


class Looks:
    """What testpmd counts on its port 2, the memif port that packets come back from."""
    SEEN = re.compile(r"statistics for port 2 .*\n +RX-packets: (\d+) ")

    def __init__(self, process):
        self.process, self.asked = process, 0

    def say(self, line):
        os.write(self.process.popen.stdin.fileno(), line.encode() + b"\n")

    def _ask(self):
        self.say("show fwd stats all")
        self.asked += 1

    def _answers(self):
        """All so far."""
        def complete():
            found = self.SEEN.findall(self.process.text())
            return found if len(found) >= self.asked else None
        return [int(n) for n in wait_for("testpmd's statistics", complete, timeout=30)]

    def now(self):
        self._ask()
        return self._answers()[-1]

    def take(self, seconds):
        """[(time, packets that came back)] while packets came back."""
        first, times, start = self.asked, [], time.monotonic()
        before = self._answers()[-1] if first else 0
        while time.monotonic() < start + seconds:
            self._ask()
            times.append(time.monotonic())
            time.sleep(0.02)
        return _moving([(start, before), *zip(times, self._answers()[first:])], self.process)


def _moving(points, process):
    """The first looks may be before the first packet, the last ones after the last: without them, if enough remain."""
    most = points[-1][1]
    started = max(i for i, p in enumerate(points) if p[1] == points[0][1])
    ended = min(i for i, p in enumerate(points) if p[1] == most)
    if most == points[0][1]:
        raise RuntimeError(f"testpmd counted too few packets for a rate:\n{process.text()[-3000:]}")
    inner = points[started + 1:ended]
    return inner if len(inner) > 1 else [points[started], points[ended]]
