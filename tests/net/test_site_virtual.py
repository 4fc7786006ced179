# SPDX-License-Identifier: Apache-2.0
"""A branch's roamgate that begins the session asks for addresses of its own (initiate.virtual-address, RFC 7296 2.19):
strongSwan gives them from its pools, and what the branch's gateway itself sends to the networks behind headquarters
leaves from them. The sites are those of sites.py.
"""
import copy
import json
import re

import pytest

from lab import ip, wait_for
from sites import BRANCH, BRANCH_ID, HQ_ID, WEB, SwanSites

WEB6, TUN = "2001:db8:20::10", "roamgate0"
POOLS = """
pools {
  road {
    addrs = 10.77.0.0/24
    dns = 10.20.0.53
  }
  road6 {
    addrs = 2001:db8:77::/120
  }
}
"""


def config(family="both", **initiate):
    branch = copy.deepcopy(BRANCH)
    site = branch["connections"]["site"]
    site["selectors"] = {"remote": ["10.20.0.0/24", "2001:db8:20::/64"]}
    site["initiate"].update({"virtual-address": family, **initiate})
    return branch


class VirtualSites(SwanSites):
    def __init__(self, lab, branch=None, pools="pools = road, road6", **settings):
        super().__init__(lab, branch or config(), remote_ts="dynamic", pools=POOLS, extra=pools, **{
            "local_ts": "10.20.0.0/24,2001:db8:20::/64", **settings})
        for ns, device, address in ((self.web["ns"], "eth0", WEB6), (self.hq.ns, "lan", "2001:db8:20::1")):
            lab.run(ns, "ip", "addr", "add", address + "/64", "dev", device, "nodad")
        lab.sysctl(self.hq.ns, {"net.ipv6.conf.all.forwarding": 1})
        lab.run(self.web["ns"], "ip", "-6", "route", "add", "default", "via", "2001:db8:20::1")
        self.hq.start()
        self.branch.start()

    def given(self):
        """What strongSwan has given out: {address: identity}."""
        connection = self.hq.vici()
        try:
            pools = connection.request("get-pools", {"leases": "yes"})
        finally:
            connection.close()
        return {lease["address"]: lease["identity"] for pool in pools.values()
                for lease in pool.get("leases", {}).values() if lease["status"] == "online"}

    def on_tun(self):
        """Our addresses on the TUN."""
        shown = json.loads(self.lab.run(self.branch.ns, "ip", "-j", "addr", "show", "dev", TUN))
        return {a["local"] for entry in shown for a in entry.get("addr_info", []) if a.get("scope") == "global"}

    def reach(self, *targets):
        """From the branch's gateway itself, which says nothing of a source."""
        for target in targets or (WEB, WEB6):
            wait_for(f"an answer of {target}", lambda t=target: self.lab.run(
                self.branch.ns, "ping", "-c", 1, "-W", 1, t, check=False).returncode == 0, 15)

    def source(self, target):
        route = json.loads(self.lab.run(self.branch.ns, "ip", "-j", "route", "get", target))[0]
        return route["dev"], route.get("prefsrc")

    def has(self, count=2):
        """The addresses of the session, in every view of them."""
        session = self.up()
        assert len(session["virtual"]) == count, session
        wait_for("them on the TUN", lambda: self.on_tun() == set(session["virtual"]))
        assert self.given() == {address: BRANCH_ID for address in session["virtual"]}
        return session


@pytest.fixture(scope="module")
def sites(new_lab):
    with new_lab() as lab:
        yield VirtualSites(lab)


def test_the_gateway_uses_what_it_gets(sites):
    session = sites.has()
    child = sites.branch.sas(identity=HQ_ID)[0]
    assert {a.split("/")[0] for a in child["local_ts"]} == set(session["virtual"])
    assert session["dns"] == ["10.20.0.53"]
    sites.reach()
    for target in (WEB, WEB6):
        device, source = sites.source(target)
        assert device == TUN and source in session["virtual"]
    told = sites.branch.ctl("explain", HQ_ID)["story"]
    assert {e["text"] for e in told if e["what"] == "address"} == {"it gave us " + a for a in session["virtual"]}


def test_headquarters_reaches_it(sites):
    session = sites.has()
    for address in session["virtual"]:
        wait_for("an answer", lambda a=address: sites.lab.run(sites.web["ns"], "ping", "-c", 1, "-W", 1, a,
                                                             check=False).returncode == 0, 15)


def test_the_branch_lan_is_not_in_it(sites):
    """The tunnel is for the gateway's own address: the desk's packets neither get into it nor leave in clear."""
    def kept_in():
        return sum(n for name, n in sites.branch.drops().items() if name.startswith("out-"))

    sites.has()
    before = kept_in()
    assert sites.lab.run(sites.desk["ns"], "ping", "-c", 2, "-W", 1, WEB, check=False).returncode != 0
    assert kept_in() >= before + 2


def test_rekeys_keep_it(sites):
    before = sites.has()
    sites.branch.ctl("rekey", "child", HQ_ID)
    sites.branch.ctl("rekey", "ike", HQ_ID)
    wait_for("the rekeys", lambda: sites.session() and sites.session()["rekeys"] > 0, 40)
    assert sites.has()["virtual"] == before["virtual"]
    sites.reach()


def test_an_operator_ends_it_and_begins_it(sites):
    before = sites.has()
    sites.branch.ctl("terminate", HQ_ID)
    wait_for("its end", lambda: not sites.session() and not sites.on_tun())
    assert sites.given() == {}
    assert sites.source(WEB) == (TUN, "10.30.0.1")  # the dataplane's own route: never in clear
    assert sites.lab.run(sites.branch.ns, "ping", "-c", 1, "-W", 1, WEB, check=False).returncode != 0
    sites.branch.ctl("initiate", "site")
    assert sites.has()["id"] != before["id"]
    sites.reach()


def test_comes_back_after_the_dataplane_was_killed(sites):
    sites.has()
    sites.branch.dataplane.kill()
    sites.branch.start_dataplane()
    sites.has()
    sites.reach()


def test_comes_back_after_control_was_killed(sites):
    before = sites.has()
    sites.branch.control.kill()
    assert sites.on_tun() == set(before["virtual"])
    sites.branch.start_control()
    session = sites.up()
    wait_for("its addresses", lambda: set(session["virtual"]) <= sites.on_tun())
    sites.reach()


def test_reauthentication_keeps_it(new_lab):
    """RFC 7296 2.8.3, 3.15.1: the new session asks for the addresses of the one before, and traffic goes on; what
    strongSwan still sends on the old Child SA when it is deleted may be lost."""
    branch = config()
    branch["connections"]["site"]["lifetimes"] = {"dpd": "1s", "unanswered": "3s", "authentication": "8s"}
    with new_lab() as lab:
        sites = VirtualSites(lab, branch)
        before = sites.has()
        sites.reach()
        pings = lab.spawn(sites.branch.ns, "ping", "ping", "-i", "0.05", "-c", "400", WEB)
        wait_for("two reauthentications", lambda: len([e for e in sites.branch.ctl("events")["events"]
                                                       if e["type"] == "reauthenticated"]) > 1, 40)
        assert sites.has()["virtual"] == before["virtual"]
        wait_for("the last ping", lambda: "packet loss" in pings.text(), 40)
        assert int(re.search(r"(\d+) received", pings.text())[1]) >= 380, pings.text()[-500:]


def test_one_family_only_when_traffic_asks_and_a_clean_stop(new_lab):
    """The Child SA comes after the address (RFC 6023)."""
    branch = config("ipv4", start="on-traffic")
    branch["connections"]["site"]["childless"] = "prefer"
    with new_lab() as lab:
        sites = VirtualSites(lab, branch, pools="pools = road")
        wait_for("the connection", lambda: sites.status()["state"] == "ready")
        assert not sites.on_tun()
        sites.reach(WEB)
        sites.has(1)
        assert sites.branch.control.stop() == 0
        assert not sites.on_tun()
        assert sites.source(WEB) == (TUN, "10.30.0.1")


def test_a_peer_without_a_pool(new_lab):
    """It says why there is no session, and nothing is on the TUN."""
    with new_lab() as lab:
        sites = VirtualSites(lab, pools="")
        wait_for("the reason", lambda: sites.status().get("reason"))
        assert not sites.session() and not sites.on_tun()
        assert ip("-n", sites.branch.ns, "link", "show", TUN)
