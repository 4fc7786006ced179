# SPDX-License-Identifier: Apache-2.0
"""Two sites over a small Internet: a branch with two uplinks, headquarters with one, and a host behind each.

    desk 10.30.0.10 --- branch ---- dsl 198.51.100.2 ---- router --- wan 203.0.113.2 --- hq --- web 10.20.0.10
                               \\--- lte 192.0.2.2 -------/
"""
import copy

from gateway import PSK, Gateway
from lab import ip, wait_for
from probe import ECHO_PORT, STREAM, probing
from swan import Strongswan

HQ_ID, BRANCH_ID = "gw.hq.example.net", "gw.branch.example.net"
DESK, WEB = "10.30.0.10", "10.20.0.10"
QUICK = {"dpd": "1s", "unanswered": "3s"}


def config(identity, uplinks, lan, connection):
    """`uplinks`: {name: (own address, router's address)}, best first."""
    return {
        "version": 1,
        "dataplane": {"workers": [0], "idle": "sleep", "hugepages": False, "memory": "512MiB",
                      "ports": {n: {"device": "af_packet:veth-" + n} for n in (*uplinks, "lan")}},
        "uplinks": {n: {"port": n, "addresses": [own + "/24"], "gateways": [router]}
                    for n, (own, router) in uplinks.items()},
        "networks": {"lan": {"port": "lan", "addresses": [lan + "/24"]}},
        "gateway": {"identity": identity},
        "secrets": [{"identity": "*.example.net", "file": "clients.psk"}],
        "connections": {"site": {"authentication": {"local": "psk", "remote": "psk"}, "lifetimes": QUICK,
                                 **connection}},
    }


HQ = config(HQ_ID, {"wan": ("203.0.113.2", "203.0.113.1")}, "10.20.0.1",
            {"identities": [BRANCH_ID], "selectors": {"local": ["10.20.0.0/24"], "remote": ["10.30.0.0/24"]}})
BRANCH = config(BRANCH_ID, {"dsl": ("198.51.100.2", "198.51.100.1"), "lte": ("192.0.2.2", "192.0.2.1")}, "10.30.0.1",
                {"identities": [HQ_ID], "selectors": {"local": ["10.30.0.0/24"], "remote": ["10.20.0.0/24"]},
                 "initiate": {"to": ["203.0.113.2"], "retry": "1s", "retry-max": "2s"}})


def with_certificates(cfg):
    """The same with certificates of both ends, which Pki makes: gw is the branch's."""
    cfg = copy.deepcopy(cfg)
    del cfg["secrets"]
    cfg["gateway"].update({"certificate": "gw.crt", "private-key": "gw.key", "authorities": ["ca.crt"]})
    cfg["connections"]["site"]["authentication"] = {"local": "certificate", "remote": "certificate"}
    return cfg


class Sites:
    def __init__(self, lab, headquarters=None, hq=HQ, branch=BRANCH, pki=None):
        self.lab, self.pki, self.echo = lab, pki, None
        self.router = lab.namespace("router")
        lab.sysctl(self.router, {"net.ipv4.ip_forward": 1})
        self.web = self._host("web", WEB, "10.20.0.1")
        self.desk = self._host("desk", DESK, "10.30.0.1")
        self.hq = (headquarters or self._gateway)("hq", hq, self.web)
        self.branch = self._gateway("branch", branch, self.desk)

    def _host(self, name, address, router):
        self.lab.namespace(name)
        return {"ns": self.lab.namespaces[-1], "address": address, "router": router}

    def _gateway(self, name, cfg, host):
        ns = self.lab.namespace(name)
        for uplink, settings in cfg["uplinks"].items():
            self.lab.link(self.router, uplink, ns, "veth-" + uplink)
            self.lab.address(self.router, uplink, settings["gateways"][0] + "/24")
        self.lab.link(host["ns"], "eth0", ns, "veth-lan")
        self.lab.address(host["ns"], "eth0", host["address"] + "/24")
        ip("-n", host["ns"], "route", "add", "default", "via", host["router"])
        ports = ["veth-" + n for n in (*cfg["uplinks"], "lan")]
        chains = "".join(f"  chain {p} {{ type filter hook ingress device {p} priority -500; policy drop; }}\n"
                         for p in ports)
        self.lab.nft(ns, f"table netdev roamgate {{\n{chains}}}\n")
        self.lab.sysctl(ns, {f"net.ipv6.conf.{p}.disable_ipv6": 1 for p in ports})
        gateway = Gateway(self.lab, ns, cfg, self.pki, name)
        with open(gateway.folder + "/clients.psk", encoding="ascii") as f:
            assert f.read().strip() == PSK
        return gateway

    def session(self):
        return self.branch.client(HQ_ID)

    def up(self, timeout=30):
        return wait_for("the session", self.session, timeout, 0.05)

    def ping(self):
        """Both ways; the first packets may meet a neighbour that is not resolved yet."""
        for source, target in ((self.desk, self.web), (self.web, self.desk)):
            wait_for(f"an answer of {target['address']}",
                     lambda s=source, t=target: self.lab.run(s["ns"], "ping", "-c", 1, "-W", 1, t["address"],
                                                             check=False).returncode == 0, 15)

    def probe(self):
        """UDP echo from the desk to the server behind headquarters while the block runs (probe.py)."""
        if not self.echo:
            self.echo = self.lab.spawn(self.web["ns"], "echo", "/usr/bin/python3", STREAM, "echo", WEB, ECHO_PORT)
            wait_for("the echo server", lambda: "ready" in self.echo.text())
        return probing(self.lab, self.desk["ns"], WEB)

    def status(self):
        return self.branch.ctl("status")["status"]["initiate"][0]


class SwanSites(Sites):
    """strongSwan is the headquarters' gateway, and Linux its router. Its `settings` are swan.py's; with `pki` both
    ends have certificates of one authority."""

    def __init__(self, lab, branch=BRANCH, pki=None, options="", **settings):
        self.options, self.settings = options, settings
        if pki:
            branch = with_certificates(branch)
            pki.issue("gw", BRANCH_ID, "serverAuth,clientAuth")
            pki.issue("hq", HQ_ID, "serverAuth,clientAuth")
        super().__init__(lab, self._strongswan, branch=branch, pki=pki)

    def _strongswan(self, name, cfg, host):
        ns = self.lab.namespace(name)
        address, router = cfg["uplinks"]["wan"]["addresses"][0], cfg["uplinks"]["wan"]["gateways"][0]
        self.lab.link(self.router, "wan", ns, "wan")
        self.lab.address(self.router, "wan", router + "/24")
        self.lab.address(ns, "wan", address)
        ip("-n", ns, "route", "add", "default", "via", router)
        self.lab.link(host["ns"], "eth0", ns, "lan")
        self.lab.address(host["ns"], "eth0", host["address"] + "/24")
        self.lab.address(ns, "lan", *cfg["networks"]["lan"]["addresses"])
        ip("-n", host["ns"], "route", "add", "default", "via", host["router"])
        self.lab.sysctl(ns, {"net.ipv4.ip_forward": 1})
        swan = Strongswan(self.lab, ns, name, self.options)
        credentials = {"pki": self.pki, "cert": "hq"} if self.pki else {"psk": PSK}
        swan.configure(**credentials, **{
            "identity": HQ_ID, "remote_identity": BRANCH_ID, "vips": "", "remote_addrs": "%any",
            "local_ts": "10.20.0.0/24", "remote_ts": "10.30.0.0/24", **self.settings})
        return swan
