# SPDX-License-Identifier: Apache-2.0
"""strace sees no system call of a worker that spins while packets go through it. The ports are DPDK's replay of a
capture and its null device, which need none themselves (af_packet does). Locks and memory: tests/stress/guard_test.c."""
import glob
import os
import shutil
import signal
import subprocess

import pytest

import rgapi
from lab import wait_for
from world import CLIENT, CONFIG, DATAPLANE, HOST, LOCAL, UDP, VIRTUAL, Ether, Raw, bare, ip

from scapy.utils import wrpcap

PACKETS = 200_000
MAC = "02:70:63:61:70:00"  # of DPDK's first net_pcap device


def syscalls_of(thread, until):
    """{name: calls} that `strace -c` counts in one thread (-f would add the others) until the condition holds."""
    strace = subprocess.Popen(["strace", "-c", "-U", "calls,name", "-p", str(thread)], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
    try:
        assert "attached" in strace.stdout.readline()
        wait_for("packets", until, 30)
    finally:
        strace.send_signal(signal.SIGINT)
        text = strace.communicate(timeout=20)[0]
    rows = [line.split() for line in text.splitlines()]
    return {r[1]: int(r[0]) for r in rows if len(r) == 2 and r[0].isdigit() and r[1] != "total"}


@pytest.fixture
def gateway(lab):
    gw = lab.namespace("gw")
    config = (CONFIG.format(workers=[max(os.sched_getaffinity(0))], socket=lab.path("dp.sock"), tun="roamgate0")
              .replace("idle: sleep", "idle: spin")
              .replace("af_packet:veth-isp1", "vdev:net_null0,no-rx=1")
              .replace("af_packet:veth-isp2", "vdev:net_null1,no-rx=1")
              .replace("af_packet:veth-lan", "vdev:net_pcap0,rx_pcap=in.pcap,infinite_rx=1"))
    with open(lab.path("roamgate.yaml"), "w") as f:
        f.write(config)
    wrpcap(lab.path("in.pcap"), [Ether(src="02:00:00:00:00:01", dst=MAC) / bare(
        ip(HOST[4], VIRTUAL[4]) / UDP(sport=i + 1, dport=7) / Raw(b"x" * (i % 5 * 300))) for i in range(64)])
    process = lab.spawn(gw, "dataplane", DATAPLANE, "--config", lab.path("roamgate.yaml"))
    wait_for("the socket", lambda: os.path.exists(lab.path("dp.sock")) or not process.running(), 20)
    api = rgapi.Client(lab.path("dp.sock"))
    lab.run(gw, "ip", "neigh", "replace", "203.0.113.1", "lladdr", "02:00:00:00:00:02", "dev", "isp1", "nud", "permanent")
    yield process, api
    api.close()
    assert process.stop() == 0, process.text()


def install(api):
    handle, key = rgapi.handle(1), os.urandom(20)
    api.call(rgapi.TUNNEL_ADD, [rgapi.Tunnel(handle=handle, generation=1, path=rgapi.path(LOCAL[4], CLIENT[4]))])
    api.call(rgapi.SA_OUT_ADD, [rgapi.sa(handle, 0xc0000001, handle, key, rgapi.selectors("10.20.0.0/24"),
                                         rgapi.selectors(VIRTUAL[4]), True, 64, 0)])
    api.call(rgapi.POLICY_ADD, [rgapi.policy(handle, handle, VIRTUAL[4])])
    return handle


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_a_spinning_worker_makes_no_system_call(gateway):
    process, api = gateway
    pid = process.pid
    threads = {open(f"{t}/comm").read().strip(): int(os.path.basename(t)) for t in glob.glob(f"/proc/{pid}/task/*")}
    worker = next(tid for comm, tid in threads.items() if "worker" in comm)
    handle = install(api)

    def sent():
        return api.record("out", handle).packets
    wait_for("the first packets", sent, 10)
    start = sent()
    assert syscalls_of(worker, lambda: sent() > start + PACKETS) == {}
    # what strace does not miss in a thread that calls the kernel
    start = sent()
    assert syscalls_of(pid, lambda: sent() > start + PACKETS).keys() & {"epoll_wait", "epoll_pwait"}
