# SPDX-License-Identifier: Apache-2.0
"""Each kind of authentication and each algorithm of the IKE SA with strongSwan. One gateway has a certificate under
each of six authorities, and gives every client the one that it asks for. The rows below have every kind of key, by
RFC 7427 and by the old methods, every cipher, integrity algorithm, PRF and group at least once."""
import pytest

from gateway import lab_config
from lab import LabError, wait_for
from pki import Pki
from scene import Scene

KINDS = ("ecdsa", "rsa", "p384", "p521", "ed25519", "ed448")
OLD = "signature_authentication = no"
# (kind of key, what strongSwan is to use, option of charon, IKE proposal, word of charon's log on the client's AUTH)
ROWS = [
    ("ecdsa", "pubkey", "", "aes128gcm16-prfsha256-x25519", "ECDSA_WITH_SHA256_DER"),
    ("rsa", "rsa", "", "aes192gcm12-prfsha384-ecp256", "RSA_EMSA_PKCS1_SHA2"),
    ("rsa", "rsa/pss-sha384", "", "aes256gcm8-prfsha512-modp2048", "RSA_EMSA_PSS"),
    ("rsa", "pubkey", OLD, "aes128-sha256-ecp384", "RSA signature"),
    ("p384", "pubkey", "", "aes192-sha1-modp3072", "ECDSA_WITH_SHA384_DER"),
    ("p384", "pubkey", OLD, "aes256-sha384-x25519", "ECDSA-384 signature"),
    ("p521", "pubkey", "", "aes256-sha512-ecp521", "ECDSA_WITH_SHA512_DER"),
    ("p521", "pubkey", OLD, "aes192gcm16-prfsha512-x25519", "ECDSA-521 signature"),
    ("ed25519", "pubkey", "", "chacha20poly1305-prfsha256-x448", "ED25519"),
    ("ed448", "pubkey", "", "aes128ctr-aesxcbc-modp4096", "ED448"),
    ("ecdsa", "pubkey", OLD, "aes256ctr-aescmac-modp6144", "ECDSA-256 signature"),
    ("psk", "psk", "", "aes192ctr-sha384-modp1024", "pre-shared key"),
    ("psk", "psk", "", "aes128gcm8-prfaesxcbc-modp8192", "pre-shared key"),
    ("psk", "psk", "", "aes256gcm16-prfaescmac-x25519", "pre-shared key"),
    ("psk", "psk", "", "aes128gcm12-prfsha1-ecp256", "pre-shared key"),
]


def config_of(pkis):
    """Two connections, as a proposal list has an end; the one for shared keys has its own identities."""
    config = lab_config()
    config["gateway"].update({"crls": [pkis["ecdsa"].revoke()], "authorities": [p.crt("ca") for p in pkis.values()]})
    config["gateway"]["other-certificates"] = [
        {"certificate": pkis[kind].crt("gw"), "private-key": pkis[kind].key("gw")} for kind in KINDS[1:]]
    roam = config["connections"]["roam"]
    roam["proposals"] = {"ike": [row[3] for row in ROWS if row[0] != "psk"]}
    config["connections"]["shared"] = {
        **roam, "authentication": {"local": "psk", "remote": "psk"},
        "proposals": {"ike": [row[3] for row in ROWS if row[0] == "psk"]}}
    config["secrets"] = [{"identity": "*@example.net", "file": "clients.psk"}]
    return config


@pytest.fixture(scope="module")
def scene(new_lab):
    with new_lab() as lab:
        pkis = {kind: Pki(lab.path("pki-" + kind), kind) for kind in KINDS}
        for pki in pkis.values():
            pki.issue("gw", "gw.example.net", "serverAuth")
            pki.issue("laptop", "laptop@example.net")
        scene = Scene(lab, access={"wlan": "4"}, config=config_of(pkis), pki=pkis["ecdsa"])
        scene.pkis = pkis
        yield scene


def start(scene, kind, auth="pubkey", option="", **settings):
    scene.auth, scene.pki = ("psk", None) if kind == "psk" else (kind, scene.pkis[kind])
    if kind != "psk":
        settings["auth"] = auth
    return scene.start_laptop("laptop", options=option, **settings)


@pytest.mark.parametrize("kind, auth, option, ike, word", ROWS, ids=[f"{r[0]}-{r[3]}" for r in ROWS])
def test_row(scene, kind, auth, option, ike, word):
    try:
        start(scene, kind, auth, option, ike=ike)
        scene.laptop.initiate(30)
        wait_for("the session", scene.client)
        assert [sa["suite"] for sa in scene.gateway.sas("ike")] == [full(ike)]
        log = scene.laptop.log()
        assert any(word in line and "authentication of 'laptop@example.net'" in line for line in log.splitlines()), log
        scene.ping(4)
        spis = scene.ike_spis()
        scene.laptop.rekey(ike=True)
        wait_for("another IKE SA", lambda: scene.ike_spis() not in (spis, None), 30)
        scene.ping(4)
    finally:
        scene.stop_laptop()


def full(ike):
    """The suite with the PRF that goes without saying."""
    words = ike.split("-")
    if not any(w.startswith("prf") for w in words):
        words.insert(2, "prf" + words[1])
    return "-".join(words)


def test_a_revoked_certificate(scene):
    """The list changes under a gateway that runs."""
    pki = scene.pkis["ecdsa"]
    scene.gateway.follow_events()
    try:
        pki.revoke("laptop")
        wait_for("the new list", lambda: any(e["type"] == "revocation-reloaded" for e in scene.gateway.events()), 30)
        start(scene, "ecdsa")
        with pytest.raises(LabError):
            scene.laptop.initiate()
        assert "received AUTHENTICATION_FAILED notify" in scene.laptop.log()
        assert any(e["type"] == "authentication-failed" and "revoked" in e["text"] for e in scene.gateway.events())
    finally:
        pki.revoke()
        scene.stop_laptop()
