# SPDX-License-Identifier: Apache-2.0
"""Sessions of one client that follow each other, with strongSwan: make-before-break reauthentication and
AUTH_LIFETIME (RFC 4478), INITIAL_CONTACT and uniqueness, a session without a first Child SA (RFC 6023), and what
`roamctl explain` tells of it."""
import signal

from gateway import lab_config
from lab import wait_for
from scene import Scene

MAKE_BEFORE_BREAK = "make_before_break = yes"


def scene_of(lab, **roam):
    config = lab_config("psk")
    config["connections"]["roam"].update(roam)
    return Scene(lab, "psk", access={"wlan": "4"}, config=config)


def sessions(scene):
    return [c for c in scene.gateway.ctl("clients")["clients"] if c["identity"] == scene.identity()]


def one_session(scene):
    wait_for("one session and one pair of SAs",
             lambda: len(sessions(scene)) == 1 and len(scene.gateway.sas(identity=scene.identity())) == 1, 40)
    return sessions(scene)[0]


def counter(scene, name):
    return next(c["value"] for c in scene.gateway.ctl("counters")["counters"] if c["name"] == name)


def test_reauthentication_loses_no_packet(lab):
    """The client makes the new session before it deletes the old one; lease, id and traffic go over."""
    scene = scene_of(lab)
    scene.start_laptop(options=MAKE_BEFORE_BREAK)
    scene.laptop.initiate()
    before = one_session(scene)
    spis = scene.ike_spis()
    with scene.probe() as result:
        scene.laptop.request("rekey", ike="gw", reauth="yes")
        wait_for("the new session", lambda: scene.ike_spis() not in (None, spis))
        after = one_session(scene)
    assert result["lost"] == 0, result
    assert after["id"] == before["id"] and after["virtual"] == before["virtual"]
    assert counter(scene, "ike-reauthenticated") == 1
    told = [entry["what"] for entry in scene.gateway.ctl("explain", str(after["id"]))["story"]]
    assert told[0] == "proposal" and told.count("authenticated") == 2 and "reauthenticated" in told
    scene.ping()


def test_auth_lifetime(lab):
    """RFC 4478: strongSwan hears how long its authentication lasts, and comes again in time by itself."""
    scene = scene_of(lab, lifetimes={"authentication": "15s"})
    # strongSwan leaves itself as much time as its over_time says.
    scene.start_laptop(options=MAKE_BEFORE_BREAK, extra="over_time = 5s")
    scene.laptop.initiate()
    before = one_session(scene)
    wait_for("a reauthentication", lambda: counter(scene, "ike-reauthenticated") >= 1, 60)
    assert "AUTH_LIFETIME" in scene.laptop.log()
    assert one_session(scene)["virtual"] == before["virtual"]
    scene.ping()


def reconnect_after_a_crash(scene):
    scene.laptop.process.signal(signal.SIGKILL)
    scene.laptop.process.wait()
    scene.connect()
    scene.ping()


def test_initial_contact_replaces(lab):
    """A client that has lost everything says so: what is left of it goes at once, and it has its address again."""
    scene = scene_of(lab)
    scene.connect()
    before = one_session(scene)
    reconnect_after_a_crash(scene)
    after = one_session(scene)
    assert after["id"] != before["id"] and after["virtual"] == before["virtual"]


def test_keep_has_a_lease_for_each_device(lab):
    """With `uniqueness: keep` another device of the same identity has a session and an address of its own."""
    scene = scene_of(lab, uniqueness="keep")
    scene.connect()
    before = one_session(scene)
    reconnect_after_a_crash(scene)
    both = sessions(scene)
    assert len(both) == 2 and both[0]["virtual"] != both[1]["virtual"]
    assert before["virtual"] in (both[0]["virtual"], both[1]["virtual"])


def test_childless(lab):
    """RFC 6023: IKE_AUTH without a Child SA, which then has an exchange of its own."""
    scene = scene_of(lab)
    scene.connect(extra="childless = force")
    assert "CREATE_CHILD_SA" in scene.laptop.log()
    one_session(scene)
    scene.ping()
