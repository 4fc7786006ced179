# SPDX-License-Identifier: Apache-2.0
"""Site to site: a branch's roamgate begins the session to the headquarters' (connections.NAME.initiate), and
hosts behind both reach each other. It comes back by itself, and keeps its session when it changes its uplink.
The sites are those of sites.py.
"""
import copy
import re
import signal

import pytest

from lab import LabError, ip, wait_for
from sites import BRANCH, BRANCH_ID, DESK, HQ, HQ_ID, WEB, Sites, SwanSites


@pytest.fixture(scope="module")
def sites(new_lab):
    with new_lab() as lab:
        made = Sites(lab)
        made.branch.start()  # before there is anybody to answer
        wait_for("a try", lambda: made.status()["state"] == "trying")
        made.hq.start()
        yield made


def test_begins_by_itself(sites):
    client = sites.up()
    assert client["connection"] == "site" and client["remote-address"] == "203.0.113.2"
    wait_for("the state", lambda: sites.status()["state"] == "up")
    sites.ping()


def test_rekeys(sites):
    before = sites.up()["id"]
    sites.branch.ctl("rekey", "child", HQ_ID)
    sites.hq.ctl("rekey", "ike", BRANCH_ID)
    # where both meet, one is refused and comes again after up to 15 s (RFC 7296 2.25)
    wait_for("the rekey", lambda: sites.session()["rekeys"] > 0, 40)
    sites.ping()
    assert sites.session()["id"] == before


def test_changes_its_uplink_and_keeps_the_session(sites):
    """The initiator tells the other end (UPDATE_SA_ADDRESSES), RFC 4555 3.5."""
    before = sites.up()
    assert before["local-address"] == "198.51.100.2"
    ip("-n", sites.router, "link", "set", "dsl", "down")
    wait_for("the other uplink", lambda: (sites.session() or before)["local-address"] == "192.0.2.2")
    wait_for("the peer's view", lambda: (sites.hq.client(BRANCH_ID) or {}).get("remote-address") == "192.0.2.2")
    sites.ping()
    assert sites.session()["id"] == before["id"]
    ip("-n", sites.router, "link", "set", "dsl", "up")
    sites.lab.address(sites.router, "dsl", "198.51.100.1/24")


def test_comes_back_after_the_peer_was_killed(sites):
    before = sites.up()
    sites.hq.control.kill()
    sites.hq.start_control()
    wait_for("another session", lambda: (sites.session() or before)["id"] != before["id"], 60, 0.05)
    wait_for("it at the peer", lambda: sites.hq.client(BRANCH_ID))
    sites.ping()


def test_comes_back_after_it_was_killed(sites):
    sites.up()
    sites.branch.control.kill()
    sites.branch.start_control()
    sites.up()
    sites.ping()


def test_stays_down_when_an_operator_ends_it(sites):
    sites.up()
    sites.branch.ctl("terminate", HQ_ID)
    wait_for("its end", lambda: not sites.session() and not sites.hq.client(BRANCH_ID))
    assert sites.status()["state"] == "down"
    sites.branch.ctl("initiate", "site")
    sites.up()
    sites.ping()


def reload(gateway, config):
    gateway._write(config)
    reloads = next(c["value"] for c in gateway.ctl("counters")["counters"] if c["name"] == "config-reloads")
    gateway.control.signal(signal.SIGHUP)
    wait_for("the reload", lambda: next(c["value"] for c in gateway.ctl("counters")["counters"]
                                        if c["name"] == "config-reloads") > reloads)


def test_a_reload_takes_it_away_and_brings_it_back(sites):
    sites.up()
    without = copy.deepcopy(BRANCH)
    del without["connections"]["site"]["initiate"]
    reload(sites.branch, without)
    wait_for("its end", lambda: not sites.session() and not sites.hq.client(BRANCH_ID))
    assert sites.branch.ctl("status")["status"]["initiate"] == []
    reload(sites.branch, BRANCH)
    sites.up()
    sites.ping()


def test_begins_when_traffic_asks(new_lab):
    """No session without a packet for the other side; again after its end, after a restart of the dataplane, and at
    once where a control process that was killed had it."""
    branch = copy.deepcopy(BRANCH)
    branch["connections"]["site"]["initiate"].update(start="on-traffic", retry="1s")
    with new_lab() as lab:
        made = Sites(lab, branch=branch)
        made.hq.start()
        made.branch.start()
        wait_for("the connection", lambda: made.status()["state"] == "ready")
        assert not made.session()
        made.ping()
        first = made.up()
        assert first["remote-address"] == "203.0.113.2"
        assert made.branch.drops().get("out-no-sa", 0) > 0
        made.hq.ctl("terminate", BRANCH_ID)
        wait_for("its end", lambda: made.status()["state"] == "ready" and not made.session())
        made.ping()
        second = made.up()
        assert second["id"] != first["id"]
        # the dataplane's policies are said again
        made.hq.ctl("terminate", BRANCH_ID)
        wait_for("its end", lambda: made.status()["state"] == "ready" and not made.session())
        made.branch.dataplane.kill()
        made.branch.start_dataplane()
        made.ping()
        made.up()
        # what was up goes on without waiting for the peer to notice
        made.branch.control.kill()
        made.branch.start_control()
        wait_for("another session", made.session, 20)
        made.ping()
        # an operator's word counts more than a packet
        made.branch.ctl("terminate", HQ_ID)
        wait_for("its end", lambda: made.status()["state"] == "down" and not made.session())
        lab.run(made.desk["ns"], "ping", "-c", "2", "-W", "1", WEB, check=False)
        assert made.status()["state"] == "down"
        # without it in the configuration a packet begins nothing, and stays in
        reload(made.branch, BRANCH)
        before = made.branch.drops()["out-no-sa"]
        lab.run(made.desk["ns"], "ping", "-c", "2", "-W", "1", WEB, check=False)
        assert made.branch.drops()["out-no-sa"] > before
        assert not made.session() and not made.branch.policies()


def test_strongswan_sees_the_packet_that_asked(new_lab):
    """RFC 7296 2.9: it comes first in what strongSwan is offered, and what is agreed is all of both networks."""
    branch = copy.deepcopy(BRANCH)
    branch["connections"]["site"]["initiate"].update(start="on-traffic", retry="1s")
    with new_lab() as lab:
        made = SwanSites(lab, branch=branch, options="filelog {\n main {\n cfg = 2\n }\n}")
        made.hq.start()
        made.branch.start()
        wait_for("the connection", lambda: made.status()["state"] == "ready")
        made.ping()
        made.up()
        child = made.hq.child()
        assert (child["local-ts"], child["remote-ts"]) == (["10.20.0.0/24"], ["10.30.0.0/24"])
        offered = re.search(r"looking for a child config for (.*) === (.*)", made.hq.log())
        assert offered.groups() == (f"{WEB}/32[icmp] 10.20.0.0/24", f"{DESK}/32[icmp] 10.30.0.0/24")


def test_transport_mode_between_the_gateways(new_lab):
    """Nothing behind them: their own addresses, without a second IP header."""
    hq, branch = copy.deepcopy(HQ), copy.deepcopy(BRANCH)
    for config, local in ((hq, "203.0.113.2"), (branch, "198.51.100.2")):
        config["connections"]["site"].update(mode="transport", selectors={"local": [local + "/32"]})
    with new_lab() as lab:
        made = Sites(lab, hq=hq, branch=branch)
        made.hq.start()
        made.branch.start()
        made.up()
        wait_for("an answer", lambda: lab.run(made.branch.ns, "ping", "-c", 1, "-W", 1, "-I", "198.51.100.2",
                                              "203.0.113.2", check=False).returncode == 0)
        child = wait_for("its counters", lambda: next((c for c in made.branch.sas(identity=HQ_ID)
                                                       if c.get("packets_in") and c["packets_out"]), None))
        assert (child["local_ts"], child["remote_ts"]) == (["198.51.100.2/32"], ["203.0.113.2/32"])


@pytest.fixture(scope="module")
def swan_sites(new_lab):
    with new_lab() as lab:
        made = SwanSites(lab)
        made.hq.start()
        made.branch.start()
        yield made


def test_strongswan_answers(swan_sites):
    sites = swan_sites
    before = sites.up()
    sites.ping()
    child = sites.hq.child()["spi-in"]
    sites.branch.ctl("rekey", "child", HQ_ID)
    # One after the other: strongSwan comes again only 5 to 15 s after a TEMPORARY_FAILURE (RFC 7296 2.25).
    wait_for("another Child SA", lambda: (sites.hq.child() or {}).get("spi-in", child) != child)
    wait_for("the end of the one before", lambda: len(sites.hq.sa()["children"]) == 1)
    sites.hq.rekey(ike=True)
    wait_for("the rekey", lambda: sites.session() and sites.session()["rekeys"] > 0)
    sites.ping()
    ip("-n", sites.router, "link", "set", "dsl", "down")
    wait_for("the other uplink", lambda: (sites.session() or before)["local-address"] == "192.0.2.2")
    wait_for("strongSwan's view", lambda: (sites.hq.sa() or {}).get("remote-host") == "192.0.2.2")
    sites.ping()
    assert sites.session()["id"] == before["id"]


def test_begins_again_when_strongswan_deletes_it(swan_sites):
    before = swan_sites.up()
    swan_sites.hq.terminate()
    wait_for("another session", lambda: (swan_sites.session() or before)["id"] != before["id"], 30, 0.05)
    swan_sites.ping()


def swan_transport(lab, mode):
    """strongSwan asks for transport mode between the two gateways' own addresses."""
    branch = copy.deepcopy(BRANCH)
    site = branch["connections"]["site"]
    del site["initiate"]
    site.update(mode=mode, selectors={"local": ["198.51.100.2/32"]})
    made = SwanSites(lab, branch=branch, remote_addrs="198.51.100.2", child="own", local_ts="", remote_ts="dynamic",
                     esp="aes128gcm16\n mode = transport")
    made.hq.start()
    made.branch.start()
    return made


def test_strongswan_asks_for_transport_mode(new_lab):
    """RFC 7296 1.3.1, 2.23.1: it says that it is behind a NAT, and finds what it asked for in the answer. Its
    userspace ESP has no transport mode, so it goes no further: packets are test_transport_mode_between_the_gateways()."""
    with new_lab() as lab:
        made = swan_transport(lab, "transport")
        with pytest.raises(LabError):
            made.hq.initiate(timeout=5)
        assert "received USE_TRANSPORT_MODE notify" in made.hq.log()
        assert "IPsec SA: unsupported mode" in made.hq.log()
        told = made.branch.ctl("explain", HQ_ID)["story"]
        assert "child-up" in [entry["what"] for entry in told], told


def test_strongswan_gets_a_tunnel_where_it_asked_for_transport_mode(new_lab):
    """RFC 7296 2.23.1: where no transport mode is to be had, tunnel mode with the addresses that it wrote."""
    with new_lab() as lab:
        made = swan_transport(lab, "tunnel")
        made.hq.initiate()
        made.up()
        assert made.hq.child()["mode"] == "TUNNEL"
        child = made.branch.sas(identity=HQ_ID)[0]
        assert (child["local_ts"], child["remote_ts"]) == (["198.51.100.2/32"], ["203.0.113.2/32"])
