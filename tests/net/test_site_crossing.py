# SPDX-License-Identifier: Apache-2.0
"""Two gateways that both begin a session with the other end with one, the same at both ends, without a packet lost;
the other one is roamgate or strongSwan."""
import copy
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway import CONTROL
from lab import wait_for
from sites import BRANCH, BRANCH_ID, HQ, HQ_ID, Sites, SwanSites

STARTS = {"start": "at-load", "retry": "1s", "retry-max": "2s"}
# With close_action or "unique = replace" it may replace what we have just agreed on; it must come to rest all the same.
SWAN = {"no": "unique = no", "replace": "unique = replace"}


def beginning(start):
    hq, branch = copy.deepcopy(HQ), copy.deepcopy(BRANCH)
    hq["connections"]["site"]["initiate"] = {"to": ["198.51.100.2", "192.0.2.2"], **STARTS, "start": start}
    branch["connections"]["site"]["initiate"].update(STARTS, start=start)
    return hq, branch


def start_both(sites):
    """Both processes at the same moment."""
    for gateway in (sites.hq, sites.branch):
        if not gateway.dataplane:
            gateway.start_dataplane()
    for gateway in (sites.hq, sites.branch):
        gateway.starts += 1
        gateway.control = gateway._spawn("control", CONTROL)
    for gateway in (sites.hq, sites.branch):
        gateway._wait_ready(gateway.control, gateway._control_ready, 10)


def ike_spis(gateway, identity):
    return sorted((sa["spi_i"], sa["spi_r"]) for sa in gateway.sas("ike", identity) if sa["state"] == "established")


def one_session(sites, states=frozenset({"up"})):
    """The same one at both ends, and one pair of SAs."""
    def same():
        found = ike_spis(sites.hq, BRANCH_ID)
        return (len(found) == 1 and found == ike_spis(sites.branch, HQ_ID) and found
                and len(sites.hq.sas(identity=BRANCH_ID)) == 1 and len(sites.branch.sas(identity=HQ_ID)) == 1
                and {g.ctl("status")["status"]["initiate"][0]["state"] for g in (sites.hq, sites.branch)} <= states
                and found)
    return wait_for("one session", same, 40)


@pytest.mark.parametrize("start", ["at-load", "on-traffic"])
def test_both_begin(new_lab, start):
    hq, branch = beginning(start)
    # Who has the other one's session before its own traffic asked needs none.
    states = frozenset({"up"} if start == "at-load" else {"up", "ready"})
    with new_lab() as lab:
        sites = Sites(lab, hq=hq, branch=branch)
        for _ in range(3):  # they do not cross each time
            start_both(sites)
            sites.ping()
            sites.up()
            with sites.probe() as result:
                spis = one_session(sites, states)
            assert result["received"] > 0 and result["lost"] == 0, result
            assert one_session(sites, states) == spis
            for gateway in (sites.hq, sites.branch):
                gateway.control.stop()


@pytest.mark.parametrize("unique", sorted(SWAN))
def test_both_begin_with_strongswan(new_lab, unique):
    with new_lab() as lab:
        sites = SwanSites(lab, extra=SWAN[unique], remote_addrs="198.51.100.2")
        sites.hq.start()
        sites.branch.start_dataplane()
        with ThreadPoolExecutor() as pool:
            began = pool.submit(sites.hq.request, "initiate", child="net", ike="gw", timeout=10000)
            sites.branch.start_control()
            print(began.exception())  # where its own gave way to ours
        sites.up()
        sites.ping()

        def one():
            ours, theirs = ike_spis(sites.branch, HQ_ID), sites.hq.sas()
            return (len(ours) == 1 and len(theirs) == 1 and len(theirs[0].get("child-sas", {})) == 1
                    and sites.status()["state"] == "up" and ours)
        spis = wait_for("one session", one, 60)
        sites.ping()
        with sites.probe() as result:
            assert wait_for("it to stay", one) == spis
        assert result["received"] > 0 and result["lost"] == 0, result
