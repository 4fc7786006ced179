# SPDX-License-Identifier: Apache-2.0
"""EAP-MSCHAPv2 with the clients of others: strongSwan's daemon and its charon-cmd, through a whole tunnel;
the identity that counts, wrong passwords (H29), rekeys."""
import re

import pytest

from gateway import EAP_USERS, lab_config
from lab import LabError, wait_for
from scene import Scene
from swan import CharonCmd

CAROL, DAVE = "carol@example.net", "dave@example.net"


@pytest.fixture(scope="module")
def scene(new_lab):
    config = lab_config("eap", identities=["*@example.net"])
    config["connections"]["alone"] = {**config["connections"]["roam"], "identities": ["erin"], "pool": "none"}
    with new_lab() as lab:
        scene = Scene(lab, access={"wlan": "4"}, config=config, identities=())
        scene.gateway.follow_events()
        yield scene


def failures(scene):
    return [e for e in scene.gateway.events() if e["type"] == "authentication-failed"]


def start(scene, name, password, **settings):
    """A laptop whose IDi is not the name of its user."""
    scene.start_laptop("laptop", eap=(name, password), identity="laptop.lan", **settings)
    return scene.laptop


def stop(scene, name):
    scene.laptop.settings["identity"] = name
    scene.stop_laptop()


def test_strongswan(scene):
    start(scene, CAROL, EAP_USERS[CAROL]).initiate()
    try:
        # By the name of EAP, not by IDi: connection, pool and what the operator sees.
        client = wait_for("carol's session", lambda: scene.gateway.client(CAROL))
        assert client["identity"] == CAROL and not scene.gateway.client("laptop.lan")
        log = scene.laptop.log()
        assert "EAP method EAP_MSCHAPV2 succeeded, MSK established" in log
        assert re.search(r"authentication of 'gw.example.net' with ECDSA.* successful", log)
        assert re.search(r"authentication of 'gw.example.net' with EAP successful", log)
        assert len(set(re.findall(r"generating IKE_AUTH request (\d+)", log))) == 5
        scene.ping(4)
        spis, child = scene.ike_spis(), scene.laptop.child()["spi-in"]
        scene.laptop.rekey()
        wait_for("another Child SA", lambda: (scene.laptop.child() or {"spi-in": child})["spi-in"] != child)
        scene.ping(4)
        scene.laptop.rekey(ike=True)
        wait_for("another IKE SA", lambda: scene.ike_spis() not in (spis, None))
        scene.ping(4)
        assert wait_for("carol's session", lambda: scene.gateway.client(CAROL))
    finally:
        stop(scene, CAROL)


def test_the_same_user_again(scene):
    """Another device of the same user: one session of the identity, with its address."""
    start(scene, CAROL, EAP_USERS[CAROL]).initiate()
    try:
        first = wait_for("carol's session", lambda: scene.gateway.client(CAROL))
        vips = scene.laptop.sa()["local-vips"]
        scene.laptop.process.kill()
        start(scene, CAROL, EAP_USERS[CAROL]).initiate()
        wait_for("a new session of carol", lambda: (scene.gateway.client(CAROL) or first)["id"] != first["id"])
        assert scene.laptop.sa()["local-vips"] == vips
        scene.ping(4)
    finally:
        stop(scene, CAROL)


@pytest.mark.parametrize("name, password", [(CAROL, "not it"), ("mallory@example.net", "correct horse")])
def test_wrong_password_and_unknown_user(scene, name, password):
    before = len(failures(scene))
    try:
        with pytest.raises(LabError):
            start(scene, name, password).initiate()
        # The client hears the same of both.
        assert "ERROR_AUTHENTICATION_FAILURE" in scene.laptop.log()
        wait_for("the event", lambda: len(failures(scene)) > before)
        assert not scene.gateway.client(name)
    finally:
        stop(scene, name)


def test_the_right_password_of_another_connection(scene):
    """erin's connection has no pool: she gets what is hers, not what the first connection would give."""
    start(scene, "erin", EAP_USERS["erin"], vips="").initiate()
    try:
        assert wait_for("erin's session", lambda: scene.gateway.client("erin"))
        assert not scene.laptop.sa().get("local-vips")
    finally:
        stop(scene, "erin")


def answered(scene):
    ping = ("ping", "-c", "1", "-W", "1", scene.net.server_addresses[4])
    return scene.lab.run(scene.net.laptop, *ping, check=False).returncode == 0


def test_charon_cmd(scene):
    cmd = CharonCmd(scene.lab, scene.net.laptop)
    arguments = ["--host", scene.net.gateway_addresses(4)[0], "--remote-identity", "gw.example.net", "--identity", DAVE,
                 "--cert", scene.pki.crt("ca"), "--profile", "ikev2-eap", "--remote-ts", "10.20.0.0/24",
                 "--ike-proposal", "aes128gcm16-prfsha256-x25519", "--esp-proposal", "aes128gcm16"]
    cmd.connect(EAP_USERS[DAVE], *arguments)
    try:
        assert wait_for("dave's session", lambda: scene.gateway.client(DAVE), 20)
        wait_for("an answer through the tunnel", lambda: answered(scene))
    finally:
        cmd.stop()
    assert "EAP method EAP_MSCHAPV2 succeeded, MSK established" in cmd.log()  # it writes that at its end
    wait_for("the gateway to delete the session", lambda: not scene.gateway.client(DAVE))
    before = len(failures(scene))
    cmd = CharonCmd(scene.lab, scene.net.laptop, "charon-cmd-wrong").connect("not it", *arguments)
    try:
        wait_for("the event", lambda: len(failures(scene)) > before)
        assert failures(scene)[-1]["text"] == "unknown user or wrong password"
    finally:
        cmd.stop()


def test_the_file_of_users_is_read_again(scene):
    """SIGHUP: a new user, and a user who is no more."""
    users = {**EAP_USERS, "frank@example.net": "new here"}
    del users[DAVE]
    scene.gateway._private("eap-users", "".join(f"{n}:{w}\n" for n, w in users.items()).encode())
    scene.gateway.control.signal(1)
    wait_for("the reload", lambda: [e for e in scene.gateway.events() if e["type"] == "config-reloaded"])
    start(scene, "frank@example.net", "new here").initiate()
    try:
        assert wait_for("frank's session", lambda: scene.gateway.client("frank@example.net"))
    finally:
        stop(scene, "frank@example.net")
    try:
        with pytest.raises(LabError):
            start(scene, DAVE, EAP_USERS[DAVE]).initiate()
    finally:
        stop(scene, DAVE)
