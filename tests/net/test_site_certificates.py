# SPDX-License-Identifier: Apache-2.0
"""Site to site with strongSwan as headquarters' gateway and mutual ECDSA certificates: each end begins the session
once, and rekeys both kinds of SAs, without a lost packet."""
import copy

import pytest

from lab import wait_for
from pki import Pki
from sites import BRANCH, BRANCH_ID, HQ_ID, SwanSites


def answering():
    """The branch waits for headquarters."""
    branch = copy.deepcopy(BRANCH)
    del branch["connections"]["site"]["initiate"]
    return branch


@pytest.fixture(scope="module", params=["we begin", "strongswan begins"])
def sites(request, new_lab):
    begins = request.param == "we begin"
    with new_lab() as lab:
        made = SwanSites(lab, branch=BRANCH if begins else answering(), pki=Pki(lab.path("pki"), "ecdsa"),
                         remote_addrs="%any" if begins else "198.51.100.2")
        made.hq.start()
        made.branch.start()
        if not begins:
            made.hq.initiate()
        made.up()
        yield made


def test_is_authenticated_by_certificates(sites):
    before = sites.up()
    assert before["connection"] == "site"
    sites.ping()
    story = str(sites.branch.ctl("explain", str(before["id"]))["story"])
    assert "the peer by a certificate, we by a certificate" in story, story
    assert f"authentication of '{BRANCH_ID}' with ECDSA_WITH_SHA256_DER successful" in sites.hq.log()
    assert f"authentication of '{HQ_ID}' (myself) with ECDSA_WITH_SHA256_DER successful" in sites.hq.log()


def spis(sites):
    sa = sites.hq.sa()
    return (sa["initiator-spi"], sa["responder-spi"]) if sa else None


def settled(sites):
    """One pair of SAs at either end: what was replaced is gone."""
    wait_for("one of each", lambda: len(sites.hq.sas()) == 1 and len((sites.hq.sa() or {}).get("children", [])) == 1
             and len(sites.branch.sas(identity=HQ_ID)) == 1, 20)


@pytest.mark.parametrize("ike", [False, True], ids=["child", "ike"])
@pytest.mark.parametrize("side", ["roamgate", "strongswan"])
def test_rekeys_lose_nothing(sites, side, ike):
    settled(sites)
    session = sites.up()["id"]
    sites.ping()
    before, drops = spis(sites) if ike else sites.hq.child()["spi-in"], sites.branch.drops()
    with sites.probe() as result:
        if side == "roamgate":
            sites.branch.ctl("rekey", "ike" if ike else "child", HQ_ID)
        else:
            sites.hq.rekey(ike=ike)
        wait_for("new keys", lambda: (spis(sites) if ike else (sites.hq.child() or {}).get("spi-in"))
                 not in (None, before))
        settled(sites)
    dropped = {name: n - drops.get(name, 0) for name, n in sites.branch.drops().items() if n != drops.get(name, 0)}
    assert result["received"] > 0 and result["lost"] == 0, (result, dropped)
    assert sites.up()["id"] == session
