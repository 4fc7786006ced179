# SPDX-License-Identifier: Apache-2.0
"""bench/swarm against both gateways: twenty clients connect, send, roam, rekey, come back and leave; every
answer is checked, and the gateway must agree about who is there."""
import os
import subprocess
import sys

import pytest

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../bench/swarm"))

from gateway import DATAPLANE  # noqa: E402
from swarm_rig import CLIENTS6, ECHO6, FLOOD6, GATEWAY_IDENTITY, SWARM, Rig, gateway_config  # noqa: E402
from pki import Pki  # noqa: E402

pytestmark = pytest.mark.skipif(not os.path.exists(SWARM) or not os.path.exists(DATAPLANE), reason="built without DPDK")

COUNT = 20
TRAFFIC = {"do": "traffic", "rate": "200/s", "for": "1s", "size": 300}
BESIDE = {"do": "traffic", "rate": "200/s", "background": "on"}
LIFE = [
    {"do": "connect"}, TRAFFIC,
    BESIDE, {"do": "roam", "rate": "20/s"}, TRAFFIC,
    BESIDE, {"do": "rekey", "rate": "20/s"}, TRAFFIC,
    BESIDE, {"do": "rekey", "what": "ike", "rate": "20/s"}, TRAFFIC,
    {"do": "reconnect", "rate": "all"}, TRAFFIC,
    {"do": "disconnect"},
]


def start(lab, gateway, auth):
    pki = None
    if auth != "psk":
        pki = Pki(lab.path("pki"))
        pki.issue("gw", GATEWAY_IDENTITY, "serverAuth")
    rig = Rig(lab, pki)
    return rig.start_strongswan(auth) if gateway == "strongswan" else rig.start(gateway_config(auth, COUNT))


def check(report):
    """Everybody had a turn in each phase and every packet was answered."""
    for phase in report["phases"]:
        assert phase["failed"] == 0, report["text"]
        if phase["do"] == "traffic":
            echo = phase["echo"]
            assert echo["sent"] > 0, report["text"]
            assert echo["lost"] == echo["late"] == echo["duplicate"] == echo["wrong"] == 0, report["text"]
        else:
            assert phase["succeeded"] == COUNT, report["text"]
    own = report["own"]
    assert own["send_failed"] == own["socket_overflow"] == own["esp_auth_failed"] == own["esp_malformed"] == 0, own
    assert report["phases"][-1]["up_after"] == 0


@pytest.mark.parametrize("gateway, auth", [("roamgate", "psk"), ("roamgate", "ecdsa"), ("roamgate", "eap"),
                                           ("strongswan", "psk"), ("strongswan", "ecdsa")])
def test_life(lab, gateway, auth):
    rig = start(lab, gateway, auth)
    check(rig.swarm(rig.scenario(LIFE, COUNT, auth)))
    if gateway == "roamgate":
        assert rig.gateway.ctl("clients")["clients"] == []


def test_the_gateway_agrees(lab):
    """Who the swarm says is up, is known to the gateway, with the address to which it has moved."""
    rig = start(lab, "roamgate", "psk")
    report = rig.swarm(rig.scenario([{"do": "connect"}, TRAFFIC, {"do": "roam"}, TRAFFIC], COUNT))
    clients = rig.gateway.ctl("clients")["clients"]
    assert report["phases"][-1]["up_after"] == len(clients) == COUNT
    assert {c["identity"] for c in clients} == {f"client-{n}@swarm.example" for n in range(COUNT)}
    assert {c["moves"] for c in clients} == {1}
    # Even ones begin in 198.18.0.0/16 and have gone to the other prefix.
    assert all(c["remote"].startswith("198.19." if int(c["identity"][7:].split("@")[0]) % 2 == 0 else "198.18.")
               for c in clients)


def test_ipv6_inside_and_outside(lab):
    rig = start(lab, "roamgate", "psk")
    check(rig.swarm(rig.scenario(LIFE, COUNT, clients={"addresses": list(CLIENTS6), "ask-for": ["ipv6"]}, echo=ECHO6)))


@pytest.mark.parametrize("version", [4, 6])
def test_flood_beside_connects(lab, version):
    """Strangers' requests do not keep clients out, and their number is as asked for; they are good enough for the
    gateway to be asked for cookies."""
    rig = start(lab, "roamgate", "psk")
    family = {} if version == 4 else {"flood-from": FLOOD6, "clients": {"addresses": list(CLIENTS6)}}
    report = rig.swarm(rig.scenario([{"do": "flood", "rate": "2000/s", "background": "on"},
                                     {"do": "connect", "rate": "20/s"}], COUNT, **family))
    flood, connect = report["phases"]
    assert connect["succeeded"] == COUNT and connect["failed"] == 0, report["text"]
    assert flood["flood"]["sent"] > 0 and flood["flood"]["not_sent"] == 0
    counters = {c["name"]: c["value"] for c in rig.gateway.ctl("counters")["counters"]}
    assert counters["ike-cookie-required"] > COUNT, counters


def test_failures_are_named(lab):
    """A wrong key: nobody gets in, and the report says why."""
    rig = start(lab, "roamgate", "psk")
    file = rig.scenario([{"do": "connect", "rate": "max"}], 3)
    with open(lab.path("swarm.psk"), "w") as f:
        f.write("another key\n")
    report = rig.swarm(file)
    connect = report["phases"][0]
    assert connect["succeeded"] == 0 and connect["failed"] == 3
    assert sum(connect["reasons"].values()) == 3, connect


def test_a_wrong_scenario_is_refused(lab):
    file = lab.path("wrong.yaml")
    with open(file, "w") as f:
        f.write("version: 1\ngateway: {addresses: [203.0.113.2]}\n")
    done = subprocess.run([SWARM, file], text=True, capture_output=True)
    assert done.returncode == 2
    assert f"{file}:2:10: gateway needs the key 'identity'" in done.stderr
