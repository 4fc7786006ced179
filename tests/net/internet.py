# SPDX-License-Identifier: Apache-2.0
"""The small internet of namespaces that tests and demo share.

       laptop                    router                      gateway            server
    wlan 10.1.1.2 ---------- .1       203.0.113.1 ---- veth-isp1 (isp1 .2)
                                                              veth-lan (lan .1) --- 10.20.0.10
    lte  10.1.2.2 ---------- .1      198.51.100.1 ---- veth-isp2 (isp2 .2)

Every network has IPv6 too, unless a test leaves a family out. The gateway's
addresses come from its configuration; the router takes the addresses that this
names as gateways. A delay line can stand in an access network, and the router
can translate the addresses of one.
"""
import ipaddress
import os

from lab import BUILD, ip

ACCESS = {
    "wlan": {"net": "10.1.1", "net6": "2001:db8:a1", "metric": 100, "public": "100.64.1.1", "public6": "2001:db8:f1::1"},
    "lte": {"net": "10.1.2", "net6": "2001:db8:a2", "metric": 200, "public": "100.64.2.1", "public6": "2001:db8:f2::1"},
}
ASCII = """
   laptop                       router                       gateway                    server
  +--------------+                                   +-----------------------+
  | strongSwan   |  wlan     +------------+  isp1    |       roamgate        |  lan   +----------+
  | {wlan:<12} |-----------|            |----------| {isp1:<14}        |--------| web      |
  |              |           | internet   |          |        {lan:>14} |        | {server:<8} |
  | {lte:<12} |-----------|            |----------| {isp2:<14}        |        +----------+
  |              |  lte      +------------+  isp2    |                       |
  +--------------+                                   +-----------------------+
"""


def family(address):
    return 6 if ":" in str(address) else 4


class Internet:
    """`access`: which families an access network has, such as {"wlan": "4", "lte": "46"};
    `delay`: {"wlan": (milliseconds one way, loss of 1)}."""

    def __init__(self, lab, config, access=None, delay=None, seed=1):
        self.lab, self.config, self.seed = lab, config, seed
        self.access = access or {"wlan": "4", "lte": "4"}
        self.delay = delay or {}
        self.laptop, self.router = lab.namespace("laptop"), lab.namespace("router")
        self.gateway, self.server = lab.namespace("gateway"), lab.namespace("server")
        self.ports = {n: p["device"].split(":", 1)[1] for n, p in config["dataplane"]["ports"].items()}
        self.nat_tables = {}
        self._build()

    def _build(self):
        self.lab.sysctl(self.router, {"net.ipv4.ip_forward": 1, "net.ipv6.conf.all.forwarding": 1})
        for name in self.access:
            self._build_access(name)
        for name, uplink in self.config["uplinks"].items():
            self.lab.link(self.router, name, self.gateway, self.ports[uplink["port"]])
            lengths = {family(a): a.split("/")[1] for a in uplink["addresses"]}
            self.lab.address(self.router, name, *(f"{g}/{lengths[family(g)]}" for g in uplink["gateways"]))
        network = next(iter(self.config["networks"].values()))
        self.lab.link(self.server, "lan", self.gateway, self.ports[network["port"]])
        self.server_addresses = {}
        for address in network["addresses"]:
            interface = ipaddress.ip_interface(address)
            own = interface.network.network_address + (10 if interface.version == 4 else 16)
            self.server_addresses[interface.version] = str(own)
            self.lab.address(self.server, "lan", f"{own}/{interface.network.prefixlen}")
            ip("-n", self.server, f"-{interface.version}", "route", "add", "default", "via", interface.ip)
        # The dataplane owns the frames of its ports: the kernel must not see them (docs/operations.md).
        chains = "".join(f"  chain {p} {{ type filter hook ingress device {p} priority -500; policy drop; }}\n"
                         for p in self.ports.values())
        self.lab.nft(self.gateway, f"table netdev roamgate {{\n{chains}}}\n")
        self.lab.sysctl(self.gateway, {f"net.ipv6.conf.{p}.disable_ipv6": 1 for p in self.ports.values()})

    def _build_access(self, name):
        if name in self.delay:
            ns = self.lab.namespace("delay-" + name)
            self.lab.link(self.laptop, name, ns, "near")
            self.lab.link(ns, "far", self.router, name)
            self.lab.sysctl(ns, {"net.ipv6.conf.near.disable_ipv6": 1, "net.ipv6.conf.far.disable_ipv6": 1})
            milliseconds, loss = self.delay[name]
            self.lab.spawn(ns, "delay-" + name, os.path.join(BUILD, "tests/net/delay_line"),
                           "near", "far", milliseconds, loss, self.seed)
        else:
            self.lab.link(self.laptop, name, self.router, name)
        plan = ACCESS[name]
        if "4" in self.access[name]:
            self.lab.address(self.router, name, plan["net"] + ".1/24")
        if "6" in self.access[name]:
            self.lab.address(self.router, name, plan["net6"] + "::1/64")
        self.access_up(name)

    # ---- what happens to the laptop

    def access_address(self, name, version=4):
        return ACCESS[name]["net"] + ".2" if version == 4 else ACCESS[name]["net6"] + "::2"

    def access_down(self, name):
        """The laptop leaves the network: the link goes, and with it addresses and routes."""
        ip("-n", self.laptop, "link", "set", name, "down")
        ip("-n", self.laptop, "addr", "flush", "dev", name)

    def access_up(self, name):
        plan = ACCESS[name]
        ip("-n", self.laptop, "link", "set", name, "up")
        if "4" in self.access[name]:
            self.lab.address(self.laptop, name, plan["net"] + ".2/24")
            ip("-n", self.laptop, "route", "replace", "default", "via", plan["net"] + ".1",
               "dev", name, "metric", plan["metric"])
        if "6" in self.access[name]:
            self.lab.address(self.laptop, name, plan["net6"] + "::2/64")
            ip("-n", self.laptop, "-6", "route", "replace", "default", "via", plan["net6"] + "::1",
               "dev", name, "metric", plan["metric"])

    # ---- what happens between

    def nat(self, name, ports="20000-20100"):
        """Translate what comes from an access network; again with other ports: a new mapping at once."""
        plan = ACCESS[name]
        if name not in self.nat_tables:
            self.lab.address(self.router, "lo", plan["public"] + "/32", plan["public6"] + "/128")
        self.nat_tables[name] = ports
        script = ""
        for table, net, public in (("ip", plan["net"] + ".0/24", plan["public"]),
                                   ("ip6", plan["net6"] + "::/64", f"[{plan['public6']}]")):
            script += f"""
table {table} nat-{name} {{ }}
delete table {table} nat-{name}
table {table} nat-{name} {{
  chain out {{
    type nat hook postrouting priority srcnat;
    {table} saddr {net} meta l4proto udp oifname {{ {", ".join(self.config["uplinks"])} }} snat to {public}:{ports}
  }}
}}
"""
        self.lab.nft(self.router, script)
        self.lab.run(self.router, "conntrack", "-F")

    def public_address(self, name, version=4):
        """Where the gateway sees the laptop."""
        if name not in self.nat_tables:
            return self.access_address(name, version)
        return ACCESS[name]["public" if version == 4 else "public6"]

    def blackhole(self, name, on=True):
        """Silence in an access or uplink network: links stay up, nothing passes."""
        table = f"hole-{name}"
        script = f"table inet {table} {{ }}\ndelete table inet {table}\n"
        if on:
            script += (f"table inet {table} {{ chain f {{ type filter hook forward priority 0; "
                       f'iifname "{name}" drop; oifname "{name}" drop; }}; }}\n')
        self.lab.nft(self.router, script)

    def uplink_down(self, name):
        ip("-n", self.router, "link", "set", name, "down")

    def uplink_up(self, name):
        uplink = self.config["uplinks"][name]
        ip("-n", self.router, "link", "set", name, "up")
        lengths = {family(a): a.split("/")[1] for a in uplink["addresses"]}
        self.lab.address(self.router, name, *(f"{g}/{lengths[family(g)]}" for g in uplink["gateways"]))

    # ---- addresses

    def uplink_address(self, name, version=4):
        for address in self.config["uplinks"][name]["addresses"]:
            if family(address) == version:
                return address.split("/")[0]
        return None

    def gateway_addresses(self, version=4):
        found = (self.uplink_address(name, version) for name in self.config["uplinks"])
        return [a for a in found if a]

    def ascii(self):
        lan = next(iter(self.config["networks"].values()))["addresses"][0].split("/")[0]
        uplinks = [self.uplink_address(n) or "" for n in self.config["uplinks"]] + [""]
        return ASCII.format(wlan=self.access_address("wlan"), lte=self.access_address("lte"), isp1=uplinks[0],
                            isp2=uplinks[1], lan=lan, server=self.server_addresses[4])
