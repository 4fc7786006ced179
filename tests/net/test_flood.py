# SPDX-License-Identifier: Apache-2.0
"""H33: spoofed IKE_SA_INIT requests reach a gateway that is in use. How many a second it bears is for `./run bench ike`."""
import os

from gateway import lab_config
from lab import wait_for
from scene import Scene

SPOOF = os.path.join(os.path.dirname(os.path.abspath(__file__)), "spoof.py")
THRESHOLD = 20


def counters(scene):
    return {c["name"]: c["value"] for c in scene.gateway.ctl("counters")["counters"]}


def dataplane_counters(scene):
    return {c["name"]: c["value"] for c in scene.gateway.ctl("dataplane", "counters")["counters"]}


def cookies(scene, more):
    wanted = counters(scene)["ike-cookie-required"] + more
    wait_for(f"{more} cookies", lambda: counters(scene)["ike-cookie-required"] >= wanted, 60)


def test_h33_flood(lab):
    """No state beyond the threshold; the session that is there goes on, and a client that comes meanwhile gets in."""
    config = lab_config("psk")
    config["control"] = {"cookie-threshold": THRESHOLD}
    scene = Scene(lab, config=config, auth="psk")
    scene.connect()
    scene.ping()
    spis = scene.ike_spis()
    spoof = lab.spawn(scene.net.router, "spoof", "/usr/bin/python3", SPOOF, scene.net.gateway_addresses(4)[0], 2000)
    cookies(scene, 2000)
    sessions = scene.gateway.ctl("status")["status"]["sessions"]
    assert sessions["established"] == 1 and sessions["half_open"] <= THRESHOLD
    scene.ping(count=20)
    assert scene.ike_spis() == spis
    assert dataplane_counters(scene)["punt-ike"] == 0, "IKE of known SAs has a policer of its own"
    # A client that comes now is asked for a cookie like everybody, and IKE_AUTH passes apart from the flood.
    scene.stop_laptop()
    scene.connect()
    scene.ping()
    cookies(scene, 2000)
    assert spoof.running()
    found = counters(scene)
    assert found["ike-half-open-evicted"] == 0 and found["ike-drop-no-memory"] == 0
    assert dataplane_counters(scene)["punt-ike"] == 0
    spoof.stop()
    # When they have gone and the mode has held for its time, nobody is asked any more.
    wait_for("the half-open ones to go", lambda: scene.gateway.ctl("status")["status"]["sessions"]["half_open"] == 0, 60)
