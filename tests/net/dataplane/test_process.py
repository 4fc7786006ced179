# SPDX-License-Identifier: Apache-2.0
"""The process: what it says when something is missing, how it stops, two of them, restarts."""
import os
import re
import signal
import subprocess

import pytest

import rgapi
from lab import wait_for
from world import CONFIG, DATAPLANE, HOST, UDP, VIRTUAL, Raw, Session, World, bare, ip


def start(lab, ns, config, timeout=20):
    """Runs it until it ends; (exit code, what it said)."""
    file = lab.path("broken.yaml")
    with open(file, "w") as f:
        f.write(config)
    done = subprocess.run(["ip", "netns", "exec", ns, DATAPLANE, "--config", file], capture_output=True, text=True,
                          timeout=timeout)
    return done.returncode, done.stderr


@pytest.fixture
def gateway(lab):
    """A namespace with the three ports' interfaces, and a configuration that would do."""
    gw, far = lab.namespace("gw"), lab.namespace("far")
    for i in ("isp1", "isp2", "lan"):
        lab.link(gw, f"veth-{i}", far, f"far-{i}")
    return lab, gw, CONFIG.format(workers=[0], socket=lab.path("dp.sock"), tun="roamgate0")


def nft(lab, gw, *ports):
    lab.nft(gw, "table netdev roamgate {\n" + "".join(
        f'chain {i} {{ type filter hook ingress device "veth-{i}" priority -500; policy drop; }}\n' for i in ports) + "}")


def test_kernel_not_kept_off(gateway):
    lab, gw, config = gateway
    nft(lab, gw, "isp1", "lan")
    code, said = start(lab, gw, config)
    assert code == 1 and "port isp2" in said
    # the commands that it names are the ones that help
    commands = [line.strip() for line in said.splitlines() if line.strip().startswith("nft ")]
    for command in commands:
        lab.run(gw, "sh", "-c", command)
    p = lab.spawn(gw, "dataplane", DATAPLANE, "--config", lab.path("broken.yaml"))
    wait_for("the socket", lambda: os.path.exists(lab.path("dp.sock")), 20)
    assert p.stop() == 0


@pytest.mark.parametrize("change, words", (
    (("workers: [0]", "workers: [99]"), "CPU 99"),
    (('"af_packet:veth-lan"', '"af_packet:nothere"'), "nothere"),
    (("memory: 256MiB", "memory: 8MiB"), "dataplane.memory"),
    (("version: 1", "version: 2"), "version"),
    (("max-sas: 4096", "max-sas: 4096\n  colour: red"), "colour"),
), ids=lambda v: v if isinstance(v, str) else "")
def test_errors_name_what_is_wrong(gateway, change, words):
    lab, gw, config = gateway
    nft(lab, gw, "isp1", "isp2", "lan")
    assert change[0] in config
    code, said = start(lab, gw, config.replace(*change))
    assert code == 1 and words in said, said
    assert "isp1" not in lab.run(gw, "ip", "-br", "link", "show", "type", "tun")


@pytest.mark.skipif(os.cpu_count() < 2, reason="needs two CPUs")
def test_isolated_cpu(gateway):
    """A CPU that was isolated (isolcpus) is in nobody's affinity mask, and still is a worker's."""
    lab, gw, config = gateway
    nft(lab, gw, "isp1", "isp2", "lan")
    with open(lab.path("roamgate.yaml"), "w") as f:
        f.write(config.replace("workers: [0]", "workers: [1]"))
    p = lab.spawn(gw, "dataplane", "taskset", "-c", "0", DATAPLANE, "--config", lab.path("roamgate.yaml"))
    wait_for("the socket", lambda: os.path.exists(lab.path("dp.sock")), 20)
    threads = [os.sched_getaffinity(int(t)) for t in os.listdir(f"/proc/{p.pid}/task")]
    assert {1} in threads and {0} in threads, threads
    assert p.stop() == 0


def test_interface_of_the_same_name(gateway):
    lab, gw, config = gateway
    nft(lab, gw, "isp1", "isp2", "lan")
    lab.link(gw, "isp2", gw, "else")
    code, said = start(lab, gw, config)
    assert code == 1 and "isp2" in said and "rename" in said


def test_gateway_that_does_not_answer(gateway):
    """The link test: a probe goes out through TAP, worker and port; nobody is there, and the log says where."""
    lab, gw, config = gateway
    nft(lab, gw, "isp1", "isp2", "lan")
    with open(lab.path("roamgate.yaml"), "w") as f:
        f.write(config)
    lab.address(lab.namespaces[1], "far-isp1", "203.0.113.1/24", "2001:db8:1::1/64")
    p = lab.spawn(gw, "dataplane", DATAPLANE, "--config", lab.path("roamgate.yaml"))
    wait_for("the warning", lambda: "uplink isp2: an IPv4 gateway does not answer through port isp2" in p.text(), 15)
    assert "uplink isp2: an IPv6 gateway" in p.text() and "uplink isp1:" not in p.text()
    assert p.stop() == 0


def test_ports_without_an_interface(lab):
    """Two of them over memif, with a ring and a null device beside: links come up, ARP and ping pass."""
    made = []
    wire = f"/tmp/{os.getpid():x}"  # short: a device's name has room for 63 characters
    lab.finalizers.append(lambda: os.path.exists(wire) and os.unlink(wire))
    for i, role in enumerate(("server", "client")):
        ns = lab.namespace(role)
        config = CONFIG.format(workers=[i], socket=lab.path(role + ".sock"), tun="roamgate0")
        for port, device in (("isp1", f"vdev:net_memif,role={role},socket={wire},socket-abstract=no"),
                             ("isp2", "vdev:net_ring0"), ("lan", "vdev:net_null0,no-rx=1")):
            config = config.replace(f"af_packet:veth-{port}", device)
        if role == "client":
            config = config.replace("[203.0.113.1,", "[203.0.113.9,").replace("203.0.113.2/24", "203.0.113.1/24")
        file = lab.path(role + ".yaml")
        with open(file, "w") as f:
            f.write(config)
        process = lab.spawn(ns, role, DATAPLANE, "--config", file)
        wait_for("the socket", lambda: os.path.exists(lab.path(role + ".sock")), 20)
        made.append((ns, process))
    wait_for("a ping through memif", lambda: " 0% packet loss" in lab.run(
        made[0][0], "ping", "-c", "1", "-W", "0.3", "-I", "203.0.113.2", "203.0.113.1", check=False).stdout, 10)
    assert "port isp1: carrier up" in made[0][1].text()
    for _, process in made:
        assert process.stop() == 0, process.text()


def test_usage():
    for arguments, code in (([], 2), (["--config"], 2), (["--nonsense"], 2), (["--help"], 0)):
        done = subprocess.run([DATAPLANE, *arguments], capture_output=True, text=True)
        assert done.returncode == code and "usage" in done.stdout + done.stderr
    done = subprocess.run([DATAPLANE, "--config", "/nonexistent"], capture_output=True, text=True)
    assert done.returncode == 1 and "/nonexistent" in done.stderr


def test_hangup_ends_nothing(lab):
    """Who sends SIGHUP to all of roamgate means control's reload: packets go on, and the log says whose it is."""
    world = World(lab)
    s = Session(world, 1)
    world.process.signal(signal.SIGHUP)
    wait_for("a word about it", lambda: "SIGHUP: only roamgate-control" in world.process.text(), 5)
    world.from_host(bare(ip(HOST[4], s.virtual) / UDP(sport=1, dport=2) / Raw(b"x")))
    assert s.receive()[1] == 1
    assert world.close() == 0, world.process.text()


def test_two_instances_and_a_clean_stop(new_lab):
    with new_lab() as a, new_lab() as b:
        first, second = World(a), World(b)
        for world in (first, second):
            s = Session(world, 1)
            world.from_host(bare(ip(HOST[4], s.virtual) / UDP(sport=1, dport=2) / Raw(b"x")))
            assert s.receive()[1] == 1
        pid = first.process.pid
        for world in (first, second):
            assert world.close() == 0, world.process.text()
            left = world.lab.run(world.ns["gw"], "ip", "-br", "link")
            assert not re.search(r"^(isp1|isp2|lan|roamgate0)\b", left, re.M)
            assert not os.path.exists(world.socket)
        assert not [f for f in os.listdir("/var/run/dpdk") if str(pid) in f]


def test_H72_killed_and_started_again(lab):
    """kill -9 leaves no device behind, the counters' memfd outlives the process, a new one starts. What is
    skipped is more than the record was behind."""
    world = World(lab)
    s = Session(world, 1)
    for _ in range(5):
        world.from_host(bare(ip(HOST[4], s.virtual) / UDP(sport=1, dport=2) / Raw(b"x")))
        s.receive()
    old, boot = world.api, world.api.boot_id
    world.process.signal(signal.SIGKILL)
    world.process.popen.wait()
    wait_for("the devices to go", lambda: "roamgate0" not in lab.run(world.ns["gw"], "ip", "-br", "link"), 3)
    left = old.record("out", s.handle).sequence + (1 << 16)
    assert left - (1 << 16) <= 5 < left - (1 << 15)
    world.start()
    assert world.api.boot_id != boot
    again = Session(world, 1, sequence_out=left)
    world.from_host(bare(ip(HOST[4], again.virtual) / UDP(sport=1, dport=2) / Raw(b"x")))
    assert again.receive()[1] == left + 1
    assert VIRTUAL[4] == again.virtual and world.api.dump(rgapi.DUMP_TUNNELS)
    assert world.close() == 0
