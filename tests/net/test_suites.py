# SPDX-License-Identifier: Apache-2.0
"""Every ESP suite that strongSwan's userspace ESP has, negotiated and used: one of each family, or with
--full all of them. AES-GMAC and extended sequence numbers it has not: dataplane/test_esp_suites.py has scapy
for them."""
import pytest

from gateway import lab_config
from lab import LabError, wait_for
from scene import Scene

INTEGRITY = ("sha256", "sha384", "sha512", "sha1")
BITS = (128, 192, 256)
GCM = [f"aes{bits}gcm{icv}" for icv in (16, 12, 8) for bits in BITS]
CBC = [f"aes{bits}-{integrity}" for bits in BITS for integrity in INTEGRITY]
CTR = [f"aes{bits}ctr-{integrity}" for bits in BITS for integrity in INTEGRITY]
NULL = [f"null-{integrity}" for integrity in INTEGRITY]
FAMILIES = {"gcm": GCM + ["chacha20poly1305"], "cbc": CBC, "ctr": CTR, "null": NULL}
# Every cipher, key length, ICV and integrity algorithm at least once.
SOME = ["aes192gcm16", "aes128gcm12", "aes256gcm8", "chacha20poly1305", "aes128-sha256", "aes192-sha384", "aes256-sha512",
        "aes256-sha1", "aes128ctr-sha1", "aes192ctr-sha512", "aes256ctr-sha256", "null-sha384"]


def config_of():
    """A connection for each family, by the client's identity: each takes 16 proposals at the most."""
    config = lab_config("psk")
    roam = config["connections"].pop("roam")
    config["connections"] = {
        name: {**roam, "identities": [f"{name}@example.net"], "proposals": {**roam.get("proposals", {}), "esp": suites}}
        for name, suites in FAMILIES.items()}
    config["connections"]["roam"] = roam
    return config


def pytest_generate_tests(metafunc):
    if "suite" in metafunc.fixturenames:
        every = [s for suites in FAMILIES.values() for s in suites]
        metafunc.parametrize("suite", every if metafunc.config.getoption("--full") else SOME)


@pytest.fixture(scope="module")
def scene(new_lab):
    with new_lab() as lab:
        yield Scene(lab, "psk", access={"wlan": "4"}, config=config_of())


def connect(scene, suite):
    family = next(name for name, suites in FAMILIES.items() if suite in suites)
    scene.connect(family, esp=suite)
    return wait_for("the Child SA at the gateway", lambda: scene.gateway.sas(identity=scene.identity()))


def sizes(scene):
    """Inner packets of all lengths that padding and blocks tell apart, and large ones."""
    server = scene.net.server_addresses[4]
    for size in (*range(0, 34), 500, 1200):
        scene.lab.run(scene.net.laptop, "ping", "-c", "1", "-W", "2", "-s", str(size), server)


def test_suite(scene, suite):
    try:
        children = connect(scene, suite)
        assert [c["suite"] for c in children] == [suite]
        installed = [s["suite"] for s in scene.gateway.ctl("dataplane", "sas")["sas"]]
        assert set(installed) == {suite} and len(installed) == 2
        before = scene.gateway.drops()
        sizes(scene)
        scene.ping(6)
        # a rekey by the client: new keys of every kind
        old = scene.laptop.child()["spi-in"]
        scene.laptop.rekey()
        wait_for("another Child SA", lambda: (scene.laptop.child() or {"spi-in": old})["spi-in"] != old)
        scene.ping(4)
        after = scene.gateway.drops()
        for reason in ("esp-auth", "esp-blocks", "esp-padding", "esp-short", "crypto-error"):
            assert after.get(reason, 0) == before.get(reason, 0), (reason, after)
    finally:
        scene.stop_laptop()


def test_a_suite_that_the_gateway_does_not_list(scene):
    """Strong suites are all that a connection has by itself: others need a line of the configuration."""
    scene.start_laptop("laptop", esp="aes256-sha256, null-sha256, chacha20poly1305")
    try:
        with pytest.raises(LabError):
            scene.laptop.initiate()
        assert "received NO_PROPOSAL_CHOSEN notify" in scene.laptop.log()
        assert not scene.gateway.sas(identity=scene.identity())
    finally:
        scene.stop_laptop()
