# SPDX-License-Identifier: Apache-2.0
"""Several Child SAs of one session, with strongSwan: both are made, both carry what is theirs, and each is
rekeyed by either side while the other stays (RFC 7296 1.3.1, 2.8)."""
import pytest

from gateway import lab_config
from lab import wait_for
from scene import Scene

SERVER, GATEWAY = "10.20.0.10", "10.20.0.1"
CHILDREN = {"office": {"selectors": {"local": [SERVER + "/32"]}},
            "voice": {"selectors": {"local": [GATEWAY + "/32"]}, "esp": ["aes256gcm16"], "lifetime": "5s"}}
SECOND = f"voice {{\n remote_ts = {GATEWAY}/32\n esp_proposals = aes256gcm16\n rekey_time = 0s\n }}"


@pytest.fixture(scope="module")
def scene(new_lab):
    with new_lab() as lab:
        yield Scene(lab, "psk", access={"wlan": "4"}, config=lab_config("psk", children=CHILDREN))


def at_gateway(scene, network):
    found = [c for c in scene.gateway.sas(identity=scene.identity())
             if c["local_ts"] == [network + "/32"] and c["current"]]
    return found[0] if found else None


def ping(scene, address):
    scene.lab.run(scene.net.laptop, "ping", "-c", "3", "-i", "0.05", "-W", "2", address)


def test_two_children(scene):
    scene.connect(child="office", remote_ts=SERVER + "/32", children=SECOND, vips="0.0.0.0")
    scene.laptop.request("initiate", child="voice", ike="gw", timeout=15000)
    first = wait_for("both at the gateway", lambda: at_gateway(scene, SERVER) and at_gateway(scene, GATEWAY)
                     and {n: at_gateway(scene, n) for n in (SERVER, GATEWAY)})
    assert (first[SERVER]["suite"], first[GATEWAY]["suite"]) == ("aes128gcm16", "aes256gcm16")
    assert first[SERVER]["tunnel"] == first[GATEWAY]["tunnel"]
    ping(scene, SERVER)
    ping(scene, GATEWAY)
    # the gateway rekeys the one that does not live long; the other stays
    wait_for("a rekey by the gateway",
             lambda: (at_gateway(scene, GATEWAY) or first[GATEWAY])["spi_in"] != first[GATEWAY]["spi_in"], 15)
    assert at_gateway(scene, SERVER)["spi_in"] == first[SERVER]["spi_in"]
    ping(scene, GATEWAY)
    # the client rekeys the other
    scene.laptop.rekey()
    wait_for("a rekey by the client",
             lambda: (at_gateway(scene, SERVER) or first[SERVER])["spi_in"] != first[SERVER]["spi_in"])
    ping(scene, SERVER)
    # a rekey of the IKE SA takes both along
    before = scene.ike_spis()
    scene.laptop.rekey(ike=True)
    wait_for("another IKE SA", lambda: scene.ike_spis() != before)
    ping(scene, SERVER)
    ping(scene, GATEWAY)
    # one goes, the other stays
    scene.laptop.request("terminate", child="voice", timeout=5000)
    wait_for("one at the gateway", lambda: not at_gateway(scene, GATEWAY))
    ping(scene, SERVER)
    scene.stop_laptop()


def test_a_lost_child_is_made_anew(scene):
    """The client ends its only Child SA and keeps the IKE SA: what is for it makes the gateway begin another one."""
    scene.connect(child="office", remote_ts=SERVER + "/32", vips="0.0.0.0")
    ping(scene, SERVER)
    before, address = at_gateway(scene, SERVER), scene.laptop.sa()["local-vips"][0]
    session = scene.client()["id"]
    scene.laptop.request("terminate", child="office", timeout=5000)
    wait_for("its end at the gateway", lambda: not at_gateway(scene, SERVER))

    def answers():
        return scene.lab.run(scene.net.server, "ping", "-c", "1", "-W", "1", address, check=False).returncode == 0
    wait_for("an answer from the client", answers, 20)
    after = wait_for("another Child SA", lambda: at_gateway(scene, SERVER))
    assert after["spi_in"] != before["spi_in"] and scene.client()["id"] == session
    ping(scene, SERVER)
