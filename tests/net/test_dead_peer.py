# SPDX-License-Identifier: Apache-2.0
"""Libreswan as the peer that dies without a word: the gateway finds out by itself and gives everything back."""
from gateway import PSK, lab_config
from lab import wait_for
from libreswan import Libreswan
from scene import Scene


def sessions(scene, kind):
    return [e for e in scene.gateway.events() if e["type"] == kind and e.get("identity") == "laptop@example.net"]


def test_a_peer_that_dies(lab):
    config = lab_config("psk", lifetimes={"dpd": "1s", "unanswered": "5s"},
                        proposals={"ike": ["aes128gcm16-prfsha256-ecp256", "aes128gcm16-prfsha256-x25519"], "esp": ["aes128gcm16"]})
    scene = Scene(lab, "psk", config=config)
    scene.gateway.follow_events()
    pluto = Libreswan(lab, scene.net.laptop, PSK, local=scene.net.access_address("wlan"),
                      identity="laptop@example.net", remote=scene.net.gateway_addresses()[0], inner=scene.inner[0])
    pluto.initiate()
    wait_for("pluto's Child SA to fail", lambda: "NOT sending notification" in pluto.text())
    wait_for("its session", scene.gateway.client)
    assert not sessions(scene, "session-down"), "nobody has told the gateway"
    wait_for("the end of its session", lambda: sessions(scene, "session-down"), timeout=60)
    status = scene.gateway.ctl("dataplane", "status")["status"]
    assert (status["sas_in"], status["sas_out"], status["tunnels"]) == (0, 0, 0)
    assert not scene.gateway.policies()
    assert len(sessions(scene, "session-up")) == 1
    pluto.process.stop()
    # What it held is free again, and nothing of it is in the next one's way.
    scene.connect()
    scene.ping()
