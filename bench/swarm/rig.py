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
sys.path.insert(0, os.path.join(REPO, "tests/net"))

import gateway as gateways  # noqa: E402
from lab import BUILD, LabError, ip  # noqa: E402

SWARM = os.path.join(BUILD, "bench/swarm/bench-swarm")
CLIENTS = ("198.18.0.0/16", "198.19.0.0/16")
CLIENTS6 = ("2001:db8:c1::/64", "2001:db8:c2::/64")
FLOOD = "100.64.0.0/10"
GATEWAY, ROUTER, ECHO = "203.0.113.2", "203.0.113.1", "10.20.0.10"
GATEWAY6, ROUTER6, ECHO6 = "2001:db8:1::2", "2001:db8:1::1", "2001:db8:20::10"
IDENTITY = "client-{n}@swarm.example"
GATEWAY_IDENTITY = "gw.example.net"
IKE, ESP = "aes128gcm16-prfsha256-x25519", "aes128gcm16"


class Gateway(gateways.Gateway):
    """roamgate with each process on CPUs of its own choice."""

    cpus = {}

    def _spawn(self, name, program):
        cpu = self.cpus.get(name)
        prefix = ["taskset", "-c", str(cpu)] if cpu is not None else []
        prefix = ["/usr/bin/" + prefix[0], *prefix[1:]] if prefix else []
        return self.lab.spawn(self.ns, f"roamgate-{name}-{self.starts}", *prefix, program, "--config", self.file)


def gateway_config(auth="psk", clients=10000, workers=(0,), **connection):
    how = "psk" if auth == "psk" else "certificate"
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
            "authentication": {"local": how, "remote": how}, "identities": ["*@swarm.example"], "pool": "road",
            "selectors": {"local": ["10.20.0.0/24", "2001:db8:20::/64"]},
            "proposals": {"ike": [IKE], "esp": [ESP]},
            "mobility": {"updates": "1000/s"}, "lifetimes": {"dpd": "off"}, **connection}},
        "control": {"log-level": "warning"},
    }
    if auth == "psk":
        config["secrets"] = [{"identity": "*@swarm.example", "file": "clients.psk"}]
    else:
        config["gateway"].update({"certificate": "gw.crt", "private-key": "gw.key", "authorities": ["ca.crt"]})
    return config


class Rig:
    """Everything that it makes is the lab's, which gives it back. `cpus`: of control, dataplane and swarm."""

    def __init__(self, lab, pki=None, cpus=None):
        self.lab, self.pki, self.cpus = lab, pki, cpus or {}
        self.gw, self.swarm_ns, self.lan = (lab.namespace(n) for n in ("gateway", "swarm", "lan"))
        lab.link(self.swarm_ns, "isp", self.gw, "veth-isp")
        lab.link(self.lan, "eth0", self.gw, "veth-lan")
        lab.address(self.swarm_ns, "isp", ROUTER + "/24", ROUTER6 + "/64")
        lab.address(self.lan, "eth0", ECHO + "/24", ECHO6 + "/64")
        ip("-n", self.lan, "route", "add", "default", "via", "10.20.0.1")
        ip("-n", self.lan, "-6", "route", "add", "default", "via", "2001:db8:20::1")
        for prefix in (*CLIENTS, *CLIENTS6):
            ip("-n", self.swarm_ns, *(["-6"] if ":" in prefix else []), "route", "add", "local", prefix, "dev", "lo")
        self.gateway = None

    def start(self, config):
        # What af_packet reads is not for the kernel too.
        self.lab.nft(self.gw, "table netdev roamgate {\n" + "".join(
            f'chain {p} {{ type filter hook ingress device "veth-{p}" priority -500; policy drop; }}\n'
            for p in ("isp", "lan")) + "}\n")
        self.lab.sysctl(self.gw, {f"net.ipv6.conf.veth-{p}.disable_ipv6": 1 for p in ("isp", "lan")})
        self.gateway = Gateway(self.lab, self.gw, config, self.pki)
        self.gateway.cpus = self.cpus
        self.gateway.start()
        return self

    def scenario(self, phases, clients, auth="psk", name="scenario", **more):
        """Writes a scenario file; its path is returned."""
        secret = self.lab.path("swarm.psk")
        descriptor = os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as f:
            f.write(gateways.PSK + "\n")
        authentication = {"method": auth, "secret": secret}
        if auth != "psk":
            authentication = {"method": auth, "authority": self.pki.crt("ca"), "issuer": self.pki.crt("ca"),
                              "issuer-key": self.pki.key("ca")}
        scenario = {
            "version": 1,
            "gateway": {"addresses": [GATEWAY, GATEWAY6], "identity": GATEWAY_IDENTITY},
            "clients": {"count": clients, "addresses": list(CLIENTS), "identity": IDENTITY},
            "authentication": authentication,
            "proposals": {"ike": [IKE], "esp": [ESP]},
            "echo": ECHO, "flood-from": FLOOD, "phases": phases,
        }
        for key, value in more.items():
            scenario[key] = {**scenario.get(key, {}), **value} if isinstance(value, dict) else value
        file = self.lab.path(name + ".yaml")
        with open(file, "w") as f:
            yaml.safe_dump(scenario, f, sort_keys=False)
        return file

    def watch(self):
        found = {}
        for name in ("control", "dataplane"):
            process = getattr(self.gateway, name, None)
            if process:
                found[name] = process.pid
        return found

    def swarm(self, file, watch=None, progress=False, timeout=600):
        """Runs a scenario to its end; what it reports is returned. Failures of clients are in it."""
        out = file + ".json"
        cpu = self.cpus.get("swarm")
        command = ["ip", "netns", "exec", self.swarm_ns, *(["taskset", "-c", str(cpu)] if cpu is not None else []),
                   SWARM, file, "--json", out, *([] if progress else ["--quiet"])]
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
