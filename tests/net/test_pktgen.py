# SPDX-License-Identifier: Apache-2.0
"""bench/pktgen: its scripts, frames, clients and example configuration fit each other. Nothing is timed."""
import ipaddress
import os
import re
import sys
import threading

import pytest
import yaml

from lab import REPO, ip, wait_for

sys.path.insert(0, os.path.join(REPO, "bench/pktgen"))

import generators  # noqa: E402
from rig import CLIENTS, CONFIG, GATEWAY_MAC, GENERATOR_MAC, NEIGHBOURS, Rig  # noqa: E402

from scapy.layers.inet import IP  # noqa: E402
from scapy.utils import rdpcap  # noqa: E402

FEW = 600
CPUS = sorted(os.sched_getaffinity(0))


def script_addresses():
    with open(os.path.join(REPO, "bench/pktgen/encrypt.lua")) as f:
        return re.search(r'FIRST, SERVER = "([\d.]+)", "([\d.]+)"', f.read()).groups()


def pcap(lab, *arguments):
    file = lab.path("frames.pcap")
    lab.run(None, CLIENTS, "pcap", "--clients", FEW, "--to", GATEWAY_MAC[0], "--write", file, *arguments)
    return [frame[IP] for frame in rdpcap(file)]


def test_range_and_frames_name_the_same_clients(lab):
    first, server = script_addresses()
    packets = pcap(lab, "--direction", "encrypt", "--size", "imix", "--rounds", "2")
    low = int(ipaddress.ip_address(first))
    assert sorted(int(ipaddress.ip_address(p.dst)) for p in packets) == sorted(list(range(low, low + FEW)) * 2)
    assert {p.src for p in packets} == {server}
    sizes = [p.len for p in packets]
    assert [sizes.count(n) for n in (64, 594, 1400)] == [700, 400, 100]


def test_numbers_rise_from_round_to_round(lab):
    """RFC 4303 3.4.3: else the second round of a pass would be replays."""
    last = {}
    for packet in pcap(lab, "--direction", "decrypt", "--size", "64", "--rounds", "3"):
        spi, number = (int.from_bytes(bytes(packet.payload)[i:i + 4], "big") for i in (0, 4))
        assert number == last.get(spi, 0) + 1
        last[spi] = number
    assert len(last) == FEW and set(last.values()) == {3}


@pytest.mark.parametrize("name", ["bench-memif.yaml", "bench-ports.yaml"])
def test_example_configurations_hold_the_clients(name):
    with open(os.path.join(os.path.dirname(CONFIG), name)) as f:
        config = yaml.safe_load(f)
    first, server = (ipaddress.ip_address(a) for a in script_addresses())
    pool = ipaddress.ip_network(config["pools"]["road"]["ranges"][0])
    assert first in pool and first + 9999 in pool
    assert server in ipaddress.ip_interface(config["networks"]["lan"]["addresses"][0]).network
    assert config["dataplane"]["max-sas"] > 10000


@pytest.mark.parametrize("direction,counter,size", [("encrypt", "encrypted", "imix"), ("decrypt", "decrypted", "64")])
def test_testpmd_through_the_gateway(lab, direction, counter, size):
    rig = Rig(lab, CPUS[0], FEW, idle="sleep")
    result, _ = generators.Testpmd.find().measure(rig, CPUS[-1], direction, size, quick=True)
    assert result["mpps"] > 0
    assert rig.counted[counter] > FEW
    # every client's packets were known; a full ring is the generator's doing
    assert set(rig.dropped) <= {"tx-full"}, rig.dropped


def test_what_is_lost_before_there_is_a_route_is_no_result(lab):
    """The gateway's kernel may take its time with a carrier that came up: testpmd's clock starts when packets come back."""
    rig = Rig(lab, CPUS[0], FEW, idle="sleep")
    address, interface = NEIGHBOURS[1]
    ip("-n", rig.ns, "neigh", "del", address, "dev", interface)

    def mend():
        wait_for("packets without a route", lambda: rig.drops().get("out-no-route"), timeout=60)
        ip("-n", rig.ns, "neigh", "replace", address, "lladdr", GENERATOR_MAC[1], "dev", interface, "nud", "permanent")
    late = threading.Thread(target=mend)
    late.start()
    try:
        result, _ = generators.Testpmd.find().measure(rig, CPUS[-1], "encrypt", "64", quick=True)
    finally:
        late.join()
    assert result["mpps"] > 0
    assert result["loss"] < rig.dropped["out-no-route"]
