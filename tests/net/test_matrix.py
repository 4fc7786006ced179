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
from world import World

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
        world = World(lab, auth, access={"wlan": str(outer)}, nat=nat, config=config_of(auth), identities=IDENTITIES)
        world.outer = outer
        leaks = LeakWatch(lab, world.net.router, ["wlan", "isp1", "isp2"], world.inner + world.pools)
        yield world
        found = leaks.stop()
        assert not found, f"in clear: {found[:5]}"


def established(world):
    """Both sides agree about what there is."""
    sa, client = world.laptop.sa(), wait_for("the session", world.client)
    assert sorted(client["virtual"]) == sorted(sa["local-vips"])
    assert client["remote-address"] == world.net.public_address("wlan", world.outer)
    assert client["local-address"] == sa["remote-host"]
    child = world.laptop.child()
    found = {(c["spi_in"], c["spi_out"]) for c in world.gateway.sas(identity=world.identity())}
    assert (child["spi-out"], child["spi-in"]) in found
    return sa


def connect(world):
    world.connect(dpd="1s")
    sa = established(world)
    pools = [ipaddress.ip_network(p) for p in world.pools]
    assert {ipaddress.ip_address(v).version for v in sa["local-vips"]} == {4, 6}
    assert all(any(ipaddress.ip_address(v) in p for p in pools) for v in sa["local-vips"])
    world.ping(4)
    world.ping(6)
    # The client's own DPD is answered.
    wait_for("an answer to the client's DPD", lambda: re.search(
        r"generating INFORMATIONAL request (\d+) \[ \]\n(?:.*\n)*?.*parsed INFORMATIONAL response \1", world.laptop.log()), 6)


def rekey_client(world, ike):
    world.connect()
    before, child, addresses = world.ike_spis(), world.laptop.child(), world.laptop.sa()["local-vips"]
    with world.probe() as probe:
        world.laptop.rekey(ike=ike)
        if ike:
            wait_for("another IKE SA", lambda: world.ike_spis() not in (None, before))
        else:
            wait_for("another Child SA", lambda: world.laptop.child()["spi-in"] != child["spi-in"])
        wait_for("one IKE SA and one Child SA at the gateway", lambda: settled(world))
    assert probe["lost"] == 0 and probe["sent"] > 30, probe
    assert (world.ike_spis() != before) == ike
    assert established(world)["local-vips"] == addresses
    world.ping(4)


def settled(world):
    return all(len(world.gateway.sas(kind, world.identity())) == 1 for kind in ("ike", "child"))


def rekey_gateway(world, ike):
    world.connect("ike-rekey" if ike else "child-rekey")
    before, child = world.ike_spis(), world.laptop.child()
    with world.probe() as probe:
        if ike:
            wait_for("a rekey of the IKE SA by the gateway", lambda: world.ike_spis() not in (None, before), 15)
        else:
            wait_for("a rekey of the Child SA by the gateway",
                     lambda: (world.laptop.child() or child)["spi-in"] != child["spi-in"], 15)
        wait_for("one IKE SA and one Child SA at the gateway", lambda: settled(world), 5)
    assert probe["lost"] == 0 and probe["sent"] > 30, probe
    assert re.search(r"parsed CREATE_CHILD_SA request \d+ \[ " + ("SA No KE" if ike else r"N\(REKEY_SA\)"), world.laptop.log())
    world.ping(4)


def delete(world):
    world.connect()
    world.ping(4)
    identity = world.identity()
    world.laptop.terminate()
    wait_for("the gateway to forget the session", lambda: not world.gateway.client(identity))
    assert "parsed INFORMATIONAL response" in world.laptop.log()
    assert not world.gateway.sas("child", identity)
    wait_for("an empty dataplane", lambda: world.gateway.ctl("dataplane", "status")["status"]["sas_in"] == 0)


def dpd(world):
    world.connect("dpd")
    world.ping(4)
    wait_for("two checks of the silent client by the gateway",
             lambda: len(re.findall(r"parsed INFORMATIONAL request \d+ \[ \]", world.laptop.log())) >= 2, 10)
    assert world.client() and world.laptop.sa()


def fragmentation(world):
    # PSK messages are small: a long list of proposals makes one that must be split.
    esp = ", ".join(f"aes{bits}{mode}" for bits in (128, 192, 256) for mode in (
        "gcm16", "gcm12", "gcm8", "ccm16", "ccm12", "ccm8", "-sha256", "-sha384", "-sha512"))
    world.connect("fragments", options="fragment_size = 576", esp=esp)
    established(world)
    world.ping(4)
    log = world.laptop.log()
    assert "splitting IKE message" in log
    if world.auth != "psk":
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
