# SPDX-License-Identifier: Apache-2.0
"""strongSwan against roamgate: {PSK, ECDSA, RSA} x {IPv4, IPv6 outer} x {NAT, no NAT} x
{connect, rekeys from both sides, delete, DPD, fragmentation}. A pairwise cover of it,
or all of it with --full; what shares a topology shares a lab."""
import ipaddress
import re
from itertools import product

import pytest

from capture import LeakWatch
from gateway import lab_config
from lab import wait_for
from pairwise import cover
from scene import Scene

AUTH, OUTER, NAT = ("psk", "ecdsa", "rsa"), (4, 6), (False, True)
IDENTITIES = ("laptop", "child-rekey", "ike-rekey", "dpd", "fragments")
OPERATIONS = ("connect", "rekey-ike-client", "rekey-ike-gateway", "rekey-child-client", "rekey-child-gateway",
              "delete", "dpd", "fragmentation")


def config_of(auth):
    """One gateway for all operations: what an operation needs hangs on the client's identity."""
    config = lab_config(auth)
    roam = config["connections"].pop("roam")

    def connection(identity, **changes):
        merged = {**roam, "identities": [identity]}
        for key, value in changes.items():
            merged[key] = {**roam.get(key, {}), **value} if isinstance(value, dict) else value
        return merged
    config["connections"] = {
        "child-rekey": connection("child-rekey@example.net", lifetimes={"child": "5s", "ike": "1h"}),
        "ike-rekey": connection("ike-rekey@example.net", lifetimes={"child": "1h", "ike": "5s", "dpd": "4s"}),
        "dpd": connection("dpd@example.net", lifetimes={"dpd": "1s"}),
        "fragments": connection("fragments@example.net", **{"fragment-size": 576}),
        "roam": roam,
    }
    return config


def cases(full):
    return list(product(AUTH, OUTER, NAT, OPERATIONS)) if full else cover(AUTH, OUTER, NAT, OPERATIONS)


# One object a cell: pytest keeps a fixture only while its parameter is the same object.
CELLS = {cell: cell for cell in product(AUTH, OUTER, NAT)}


def pytest_generate_tests(metafunc):
    rows = sorted(cases(metafunc.config.getoption("--full")), key=lambda row: row[:3])
    ids = ["-".join((a, f"ipv{o}", "nat" if n else "direct", op)) for a, o, n, op in rows]
    metafunc.parametrize("cell, operation", [(CELLS[row[:3]], row[3]) for row in rows], ids=ids,
                         indirect=["cell"], scope="module")


@pytest.fixture(scope="module")
def cell(request, new_lab):
    auth, outer, nat = request.param
    with new_lab() as lab:
        scene = Scene(lab, auth, access={"wlan": str(outer)}, nat=nat, config=config_of(auth), identities=IDENTITIES)
        scene.outer = outer
        leaks = LeakWatch(lab, scene.net.router, ["wlan", "isp1", "isp2"], scene.inner + scene.pools)
        yield scene
        found = leaks.stop()
        assert not found, f"in clear: {found[:5]}"


def established(scene):
    """Both sides agree about what there is."""
    sa, client = scene.laptop.sa(), wait_for("the session", scene.client)
    assert sorted(client["virtual"]) == sorted(sa["local-vips"])
    assert client["remote-address"] == scene.net.public_address("wlan", scene.outer)
    assert client["local-address"] == sa["remote-host"]
    child = scene.laptop.child()
    found = {(c["spi_in"], c["spi_out"]) for c in scene.gateway.sas(identity=scene.identity())}
    assert (child["spi-out"], child["spi-in"]) in found
    return sa


def connect(scene):
    scene.connect(dpd="1s")
    sa = established(scene)
    pools = [ipaddress.ip_network(p) for p in scene.pools]
    assert {ipaddress.ip_address(v).version for v in sa["local-vips"]} == {4, 6}
    assert all(any(ipaddress.ip_address(v) in p for p in pools) for v in sa["local-vips"])
    scene.ping(4)
    scene.ping(6)
    # The client's own DPD is answered.
    wait_for("an answer to the client's DPD", lambda: re.search(
        r"sending DPD request\n(?:.*\n)*?.*parsed INFORMATIONAL response", scene.laptop.log()), 6)


def rekey_client(scene, ike):
    scene.connect()
    before, child, addresses = scene.ike_spis(), scene.laptop.child(), scene.laptop.sa()["local-vips"]
    with scene.probe() as probe:
        scene.laptop.rekey(ike=ike)
        if ike:
            wait_for("another IKE SA", lambda: scene.ike_spis() not in (None, before))
        else:
            wait_for("another Child SA", lambda: (scene.laptop.child() or child)["spi-in"] != child["spi-in"])
        wait_for("one IKE SA and one Child SA at the gateway", lambda: settled(scene))
    assert probe["lost"] == 0 and probe["sent"] > 30, probe
    assert (scene.ike_spis() != before) == ike
    assert established(scene)["local-vips"] == addresses
    scene.ping(4)


def settled(scene):
    return all(len(scene.gateway.sas(kind, scene.identity())) == 1 for kind in ("ike", "child"))


def rekey_gateway(scene, ike):
    scene.connect("ike-rekey" if ike else "child-rekey")
    before, child = scene.ike_spis(), scene.laptop.child()
    with scene.probe() as probe:
        if ike:
            wait_for("a rekey of the IKE SA by the gateway", lambda: scene.ike_spis() not in (None, before), 15)
        else:
            wait_for("a rekey of the Child SA by the gateway",
                     lambda: (scene.laptop.child() or child)["spi-in"] != child["spi-in"], 15)
        wait_for("one IKE SA and one Child SA at the gateway", lambda: settled(scene), 5)
    assert probe["lost"] == 0 and probe["sent"] > 30, probe
    assert re.search(r"parsed CREATE_CHILD_SA request \d+ \[ " + ("SA No KE" if ike else r"N\(REKEY_SA\)"), scene.laptop.log())
    scene.ping(4)


def delete(scene):
    scene.connect()
    scene.ping(4)
    identity = scene.identity()
    scene.laptop.terminate()
    wait_for("the gateway to forget the session", lambda: not scene.gateway.client(identity))
    assert "parsed INFORMATIONAL response" in scene.laptop.log()
    assert not scene.gateway.sas("child", identity)
    wait_for("an empty dataplane", lambda: scene.gateway.ctl("dataplane", "status")["status"]["sas_in"] == 0)


def dpd(scene):
    scene.connect("dpd")
    scene.ping(4)
    wait_for("two checks of the silent client by the gateway",
             lambda: len(re.findall(r"parsed INFORMATIONAL request \d+ \[ \]", scene.laptop.log())) >= 2, 10)
    assert scene.client() and scene.laptop.sa()


def fragmentation(scene):
    # PSK messages are small: a long list of proposals makes one that must be split.
    esp = ", ".join(f"aes{bits}{mode}" for bits in (128, 192, 256) for mode in (
        "gcm16", "gcm12", "gcm8", "ccm16", "ccm12", "ccm8", "-sha256", "-sha384", "-sha512"))
    scene.connect("fragments", options="fragment_size = 576", esp=esp)
    established(scene)
    scene.ping(4)
    log = scene.laptop.log()
    assert "splitting IKE message" in log
    if scene.auth != "psk":
        assert re.search(r"received fragment #2 of \d", log)


RUN = {
    "connect": connect, "delete": delete, "dpd": dpd, "fragmentation": fragmentation,
    "rekey-ike-client": lambda w: rekey_client(w, True), "rekey-child-client": lambda w: rekey_client(w, False),
    "rekey-ike-gateway": lambda w: rekey_gateway(w, True), "rekey-child-gateway": lambda w: rekey_gateway(w, False),
}


def test_matrix(cell, operation):
    try:
        RUN[operation](cell)
    finally:
        cell.stop_laptop()
