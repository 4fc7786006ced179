# SPDX-License-Identifier: Apache-2.0
"""A gateway, the swarm's clients and a host behind the gateway, in three namespaces.

    swarm (AnyIP: every address of CLIENTS is local) -- 203.0.113.1 / .2 -- gateway -- 10.20.0.1 / .10 -- lan

The clients have no addresses of their own on an interface: `ip route add local PREFIX dev lo` makes whole
prefixes local, and bench-swarm chooses among them. What is spoofed comes from FLOOD, which nobody has: the
answers end in the swarm's namespace.
"""
import json
import os
import subprocess
import sys

import yaml

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(REPO, "tests/net"), os.path.join(REPO, "bench/swarm")]

import gateway as gateways  # noqa: E402
from lab import BUILD, LabError, ip, wait_for  # noqa: E402
from strongswan import StrongswanGateway  # noqa: E402

SWARM = os.path.join(BUILD, "bench/swarm/bench-swarm")
CLIENTS = ("198.18.0.0/16", "198.19.0.0/16")
CLIENTS6 = ("2001:db8:c1::/64", "2001:db8:c2::/64")
FLOOD, FLOOD6 = "100.64.0.0/10", "2001:db8:f000::/36"
GATEWAY, ROUTER, ECHO = "203.0.113.2", "203.0.113.1", "10.20.0.10"
GATEWAY6, ROUTER6, ECHO6 = "2001:db8:1::2", "2001:db8:1::1", "2001:db8:20::10"
IDENTITY = "client-{n}@swarm.example"
GATEWAY_IDENTITY = "gw.example.net"
PASSWORD = "a password of the lab, for nothing else"
IKE, ESP = "aes128gcm16-prfsha256-x25519", "aes128gcm16"


def placed(where, name):
    """The command before a command: `where` is {"cpus": {NAME: CPUS}, "nice": N}, both may be missing."""
    cpu, nice = where.get("cpus", {}).get(name), where.get("nice")
    return [*(["/usr/bin/taskset", "-c", str(cpu)] if cpu is not None else []),
            *(["/usr/bin/nice", "-n", str(nice)] if nice is not None else [])]


def unit_environment(name):
    """What the daemon's systemd unit puts into its environment."""
    with open(os.path.join(REPO, f"config/systemd/roamgate-{name}.service"), encoding="utf-8") as unit:
        lines = [line.removeprefix("Environment=").strip() for line in unit if line.startswith("Environment=")]
    return dict(line.split("=", 1) for line in lines)


class Gateway(gateways.Gateway):
    """roamgate with each process on CPUs of its own choice, and in its unit's environment."""

    where = {}

    def _spawn(self, name, program):
        return self.lab.spawn(self.ns, f"roamgate-{name}-{self.starts}", *placed(self.where, name), program,
                              "--config", self.file, env=unit_environment(name))


def gateway_config(auth="psk", clients=10000, workers=(0,), **connection):
    """`auth`: psk, ecdsa (mutual) or eap (EAP-MSCHAPv2; the gateway shows a certificate)."""
    local = "psk" if auth == "psk" else "certificate"
    remote = "eap-mschapv2" if auth == "eap" else local
    config = {
        "version": 1,
        "dataplane": {"workers": list(workers), "idle": "sleep", "hugepages": "off", "memory": "2GiB",
                      "max-sas": max(4096, clients * 3 + 1024),
                      "ports": {"isp": {"device": "af_packet:veth-isp"}, "lan": {"device": "af_packet:veth-lan"}}},
        "uplinks": {"isp": {"port": "isp", "addresses": [GATEWAY + "/24", GATEWAY6 + "/64"],
                            "gateways": [ROUTER, ROUTER6], "table": 101}},
        "networks": {"lan": {"port": "lan", "addresses": ["10.20.0.1/24", "2001:db8:20::1/64"]}},
        "gateway": {"identity": GATEWAY_IDENTITY},
        "pools": {"road": {"ranges": ["10.96.0.0/12", "2001:db8:99::/64"]}},
        "connections": {"swarm": {
            "authentication": {"local": local, "remote": remote}, "identities": ["*@swarm.example"], "pool": "road",
            "selectors": {"local": ["10.20.0.0/24", "2001:db8:20::/64"]},
            "proposals": {"ike": [IKE], "esp": [ESP]},
            "mobility": {"updates": "1000/s"}, "lifetimes": {"dpd": "off"}, **connection}},
        "control": {"log-level": "warning"},
    }
    if auth == "psk":
        config["secrets"] = [{"identity": "*@swarm.example", "file": "clients.psk"}]
    else:
        config["gateway"].update({"certificate": "gw.crt", "private-key": "gw.key", "authorities": ["ca.crt"]})
    if auth == "eap":
        config["eap"] = {"users": "users"}
    return config


class Rig:
    """Everything that it makes is the lab's, which gives it back. `where`: as placed() takes it, for control,
    dataplane and swarm."""

    def __init__(self, lab, pki=None, where=None):
        self.lab, self.pki, self.where = lab, pki, where or {}
        self.gw, self.swarm_ns, self.lan = (lab.namespace(n) for n in ("gateway", "swarm", "lan"))
        lab.link(self.swarm_ns, "isp", self.gw, "veth-isp")
        lab.link(self.lan, "eth0", self.gw, "veth-lan")
        lab.address(self.swarm_ns, "isp", ROUTER + "/24", ROUTER6 + "/64")
        lab.address(self.lan, "eth0", ECHO + "/24", ECHO6 + "/64")
        ip("-n", self.lan, "route", "add", "default", "via", "10.20.0.1")
        ip("-n", self.lan, "-6", "route", "add", "default", "via", "2001:db8:20::1")
        for prefix in (*CLIENTS, *CLIENTS6):
            ip("-n", self.swarm_ns, *(["-6"] if ":" in prefix else []), "route", "add", "local", prefix, "dev", "lo")
        self.gateway = self.rival = None

    def start(self, config):
        """roamgate, with its ports on the two links."""
        # What af_packet reads is not for the kernel too.
        self.lab.nft(self.gw, "table netdev roamgate {\n" + "".join(
            f'chain {p} {{ type filter hook ingress device "veth-{p}" priority -500; policy drop; }}\n'
            for p in ("isp", "lan")) + "}\n")
        self.lab.sysctl(self.gw, {f"net.ipv6.conf.veth-{p}.disable_ipv6": 1 for p in ("isp", "lan")})
        self.gateway = Gateway(self.lab, self.gw, config, self.pki)
        self.gateway.where = self.where
        if "eap" in config:
            self._private(os.path.join(self.gateway.folder, "users"), self._users(config["dataplane"]["max-sas"] // 3))
        self.gateway.start()
        return self

    @staticmethod
    def _private(path, text):
        """A file for its owner only; its path."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as f:
            f.write(text)
        return path

    @staticmethod
    def _users(count):
        return "".join(f"{IDENTITY.format(n=n)}:{PASSWORD}\n" for n in range(count))

    def start_strongswan(self, auth="psk", cookies=0):
        """strongSwan in roamgate's place: the links are the kernel's own."""
        for interface, addresses in (("veth-isp", (GATEWAY + "/24", GATEWAY6 + "/64")),
                                     ("veth-lan", ("10.20.0.1/24", "2001:db8:20::1/64"))):
            self.lab.address(self.gw, interface, *addresses)
        self.lab.sysctl(self.gw, {"net.ipv4.ip_forward": 1, "net.ipv6.conf.all.forwarding": 1})
        ip("-n", self.gw, "route", "add", "default", "via", ROUTER)
        ip("-n", self.gw, "-6", "route", "add", "default", "via", ROUTER6)
        self.rival = StrongswanGateway(self.lab, self.gw, placed(self.where, "control"), cookies)
        self.rival.configure([GATEWAY, GATEWAY6], GATEWAY_IDENTITY, IKE, ESP,
                             **({"psk": gateways.PSK} if auth == "psk" else {"pki": self.pki}))
        self.rival.start()
        # kernel-libipsec's TUN has the way back to the clients; it does not ask for routes of its own.
        wait_for("ipsec0", lambda: "ipsec0" in ip("-n", self.gw, "link"))
        for prefix in ("10.96.0.0/12", "2001:db8:99::/64"):
            ip("-n", self.gw, *(["-6"] if ":" in prefix else []), "route", "add", prefix, "dev", "ipsec0")
        return self

    def scenario(self, phases, count, auth="psk", name="scenario", **more):
        """Writes a scenario file; its path is returned. `more`: other sections, or keys of those that are here."""
        authentication = {"method": auth}
        if auth == "psk":
            authentication["secret"] = self._private(self.lab.path("swarm.psk"), gateways.PSK + "\n")
        else:
            authentication["authority"] = self.pki.crt("ca")
        if auth == "ecdsa":
            authentication.update({"issuer": self.pki.crt("ca"), "issuer-key": self.pki.key("ca")})
        elif auth == "eap":
            authentication["users"] = self._private(self.lab.path("swarm.users"), self._users(count))
        scenario = {
            "version": 1,
            "gateway": {"addresses": [GATEWAY, GATEWAY6], "identity": GATEWAY_IDENTITY},
            "clients": {"count": count, "addresses": list(CLIENTS), "identity": IDENTITY},
            "authentication": authentication,
            "proposals": {"ike": [IKE], "esp": [ESP]},
            "echo": ECHO, "flood-from": FLOOD, "phases": phases,
        }
        for key, value in more.items():
            scenario[key] = {**scenario.get(key, {}), **value} if isinstance(value, dict) else value
        file = self.lab.path(name + ".yaml")
        with open(file, "w") as f:
            yaml.safe_dump(json.loads(json.dumps(scenario)), f, sort_keys=False)  # a copy without aliases
        return file

    def watch(self):
        if self.rival:
            return {"control": self.rival.process.pid}
        return {name: getattr(self.gateway, name).pid for name in ("control", "dataplane")}

    def swarm(self, file, watch=None, progress=False, timeout=600):
        """Runs a scenario to its end; what it reports is returned. Failures of clients are in it."""
        out = file + ".json"
        command = ["ip", "netns", "exec", self.swarm_ns, *placed(self.where, "swarm"), SWARM, file, "--json", out,
                   *([] if progress else ["--quiet"])]
        for name, pid in (self.watch() if watch is None else watch).items():
            command += ["--watch", f"{name}={pid}"]
        done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=None if progress else subprocess.PIPE,
                              timeout=timeout)
        if done.returncode not in (0, 1) or not os.path.exists(out):
            raise LabError(f"bench-swarm: exit {done.returncode}: {done.stdout[-2000:]}{(done.stderr or '')[-2000:]}")
        with open(out) as f:
            report = json.load(f)
        report["text"] = done.stdout
        return report

    def drops(self):
        """What the dataplane dropped, by reason."""
        return {name: n for name, n in self.gateway.drops().items() if n}

    def control_drops(self):
        """What the control process refused, by reason."""
        return {c["name"]: c["value"] for c in self.gateway.ctl("counters")["counters"] if c["drop"] and c["value"]}

    def ring_losses(self):
        """Frames that reached an interface of the gateway and did not fit into af_packet's ring: the interface counts
        what came, the dataplane what it got. Nobody else counts these."""
        got = {p["name"]: p["rx_packets"] for p in self.gateway.ctl("dataplane", "ports")["ports"]}
        links = json.loads(ip("-n", self.gw, "-s", "-j", "link"))
        came = {link["ifname"]: link["stats64"]["rx"]["packets"] for link in links}
        return {f"ring-{p}": came["veth-" + p] - n for p, n in got.items()}

    def losses(self):
        """All of these."""
        return {**self.drops(), **self.control_drops(), **self.ring_losses()}
