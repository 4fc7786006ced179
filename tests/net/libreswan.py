# SPDX-License-Identifier: Apache-2.0
"""Libreswan as a peer that dies without a word: on a kernel without ESP its pluto finishes IKE_AUTH, cannot install
the Child SA and forgets the whole IKE SA. Its package conflicts with strongSwan's, so `./run` unpacks it beside."""
import os

from lab import BUILD, wait_for

ROOT = os.environ.get("ROAMGATE_LIBRESWAN", os.path.join(BUILD, "peers/libreswan"))
TOOLS = os.path.join(ROOT, "usr/libexec/ipsec")

CONF = """
version 2.0
config setup
    protostack=xfrm
    plutodebug=none
conn gw
    authby=secret
    ikev2=insist
    left={local}
    leftid={identity}
    leftmodecfgclient=yes
    leftsubnet=0.0.0.0/0
    right={remote}
    rightid=@gw.example.net
    rightsubnet={inner}
    narrowing=yes
    ike=aes_gcm128-sha2_256-dh19
    esp=aes_gcm128
    retransmit-timeout=3s
    auto=add
"""


class Libreswan:
    def __init__(self, lab, ns, psk, **settings):
        self.lab, self.ns, self.folder = lab, ns, lab.path("pluto")
        for part in ("nss", "run", "d"):
            os.makedirs(os.path.join(self.folder, part), exist_ok=True)
        self._write("ipsec.conf", CONF.format(**settings))
        self._write("ipsec.secrets", f'{settings["identity"]} @gw.example.net : PSK "{psk}"\n')
        lab.run(ns, "certutil", "-N", "-d", "sql:" + self._path("nss"), "--empty-password")
        # pluto insists on its helpers' place: in a mount namespace of its own they are there.
        self.process = lab.spawn(ns, "pluto", "unshare", "--mount", "sh", "-c",
                                 f'mount --bind "{os.path.dirname(TOOLS)}" /usr/libexec && exec "$0" "$@"',
                                 "/usr/libexec/ipsec/pluto", "--nofork", "--stderrlog", "--no-dnssec", "--config", self._path("ipsec.conf"), "--secretsfile", self._path("ipsec.secrets"),
                                 "--nssdir", self._path("nss"), "--rundir", self._path("run"),
                                 "--ipsecdir", self._path("d"))
        wait_for("pluto's socket", lambda: os.path.exists(self._path("run/pluto.ctl")))
        self._whack("--impair", "revival")  # once dead, it stays dead
        self._whack("--listen")
        lab.run(ns, os.path.join(TOOLS, "addconn"), "--ctlsocket", self._path("run/pluto.ctl"),
                "--config", self._path("ipsec.conf"), "gw")

    def _path(self, name):
        return os.path.join(self.folder, name)

    def _write(self, name, text):
        with open(self._path(name), "w") as f:
            f.write(text)
        os.chmod(self._path(name), 0o600)

    def _whack(self, *arguments):
        return self.lab.run(self.ns, os.path.join(TOOLS, "whack"), "--ctlsocket", self._path("run/pluto.ctl"), *arguments)

    def initiate(self):
        """Starts the connection and returns at once."""
        self._whack("--name", "gw", "--initiate", "--asynchronous")

    def text(self):
        return self.process.text()
