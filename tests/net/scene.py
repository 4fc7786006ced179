# SPDX-License-Identifier: Apache-2.0
"""A gateway, a laptop and a server in the small internet, as most tests want them."""
import json
import os
import time

from gateway import PSK, Gateway, lab_config
from internet import Internet
from lab import wait_for
from pki import Pki
from probe import ECHO_PORT, STREAM, probing
from swan import Strongswan

WEB_PORT = 8000
# Seconds of silence that mean that something waited for a timeout. Not a measure of speed: that is printed, and
# what it ought to be stands in README.md; a busy machine must not fail a test.
STUCK = 3.0


class Scene:
    def __init__(self, lab, auth="ecdsa", access=None, delay=None, nat=False, config=None, identities=("laptop",),
                 pki=None):
        self.lab, self.auth = lab, auth
        self.config = config or lab_config(auth)
        self.net = Internet(lab, self.config, access, delay)
        self.pki = pki
        if auth != "psk" and not pki:
            self.pki = Pki(lab.path("pki"), auth)
            self.pki.issue("gw", "gw.example.net", "serverAuth")
            for name in identities:
                self.pki.issue(name, name + "@example.net")
        for name in self.net.access if nat else []:
            self.net.nat(name)
        self.gateway = Gateway(lab, self.net.gateway, self.config, self.pki).start()
        self.inner = self.config["connections"]["roam"]["selectors"]["local"]
        self.pools = [r for p in self.config["pools"].values() for r in p["ranges"]]
        self.laptop, self.charons = None, 0
        self.server = lab.spawn(self.net.server, "echo", "/usr/bin/python3", STREAM, "echo",
                                self.net.server_addresses[4], ECHO_PORT)
        wait_for("the echo server", lambda: "ready" in self.server.text())

    # ---- the laptop's strongSwan: a new one for each test

    def start_laptop(self, name="laptop", options="", remote=None, **settings):
        self.charons += 1
        self.laptop = Strongswan(self.lab, self.net.laptop, f"{name}-{self.charons}",
                                 "interfaces_use = wlan, lte\n  " + options)
        if self.auth == "psk":
            settings["psk"] = PSK
        else:
            settings.update(pki=self.pki, cert=name)
        versions = sorted({int(v) for families in self.net.access.values() for v in families})
        self.laptop.configure(**{
            "identity": name + "@example.net", "vips": "0.0.0.0, ::", "remote_ts": ", ".join(self.inner),
            "remote_addrs": remote or ", ".join(a for v in versions for a in self.net.gateway_addresses(v)), **settings})
        return self.laptop.start()

    def connect(self, name="laptop", **settings):
        self.start_laptop(name, **settings)
        return self.laptop.initiate()

    def identity(self):
        return self.laptop.settings["identity"]

    def client(self):
        return self.gateway.client(self.identity())

    def stop_laptop(self):
        """Delete the SA and wait until the gateway has forgotten it."""
        if not self.laptop:
            return
        identity = self.identity()
        if self.laptop.process.running() and self.laptop.sa():
            self.laptop.terminate()
        self.laptop.process.stop()
        self.laptop = None
        if self.gateway.control.running():
            wait_for("the gateway to delete the session", lambda: not self.gateway.client(identity))

    def ike_spis(self):
        sa = self.laptop.sa()
        return (sa["initiator-spi"], sa["responder-spi"]) if sa else None

    # ---- traffic

    def ping(self, version=4, count=3):
        self.lab.run(self.net.laptop, "ping", "-c", count, "-i", "0.05", "-W", "2", self.net.server_addresses[version])

    def probe(self, rate=100):
        """UDP echo with the server through the tunnel while the block runs (probe.py)."""
        return probing(self.lab, self.net.laptop, self.net.server_addresses[4], rate)

    def download(self, seconds, rate=4e6):
        """Start a download that lasts so long; call the result for what came of it."""
        size, address = int(seconds * rate), self.net.server_addresses[4]
        file = self.lab.path(f"download-{time.monotonic_ns()}.json")
        server = self.lab.spawn(self.net.server, f"web-{size}", "/usr/bin/python3", STREAM, "serve", address, WEB_PORT,
                                size, int(rate), 1)
        wait_for("the server", lambda: "ready" in server.text())
        self.lab.spawn(self.net.laptop, "fetch", "/usr/bin/python3", STREAM, "fetch", address, WEB_PORT, file)

        def result(timeout=60):
            wait_for("the end of the download", lambda: os.path.exists(file), timeout, 0.05)
            server.stop()
            with open(file) as f:
                return {"size": size, **json.load(f)}
        return result
