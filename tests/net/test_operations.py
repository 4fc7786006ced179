# SPDX-License-Identifier: Apache-2.0
"""What an operator does to roamgate-control: reload, rekey, terminate, stop; and the rules that it leaves (H76)."""
import os
import signal
import subprocess

import pytest
import yaml

from capture import LeakWatch
from gateway import CONTROL, PSK, ROAMCTL
from lab import LabError, wait_for
from scene import Scene


def event_types(scene):
    return [e["type"] for e in scene.gateway.ctl("events")["events"]]


def counter(scene, name):
    return next(c["value"] for c in scene.gateway.ctl("counters")["counters"] if c["name"] == name)


def rules(scene, version=4):
    found = scene.lab.run(scene.net.gateway, "ip", f"-{version}", "rule", "show")
    return [line for line in found.splitlines() if "proto 82" in line or "proto 0x52" in line]


def reload(scene, text, outcome):
    with open(scene.gateway.file, "w") as f:
        f.write(text)
    before = event_types(scene).count(outcome)
    scene.gateway.control.signal(signal.SIGHUP)
    wait_for(outcome, lambda: event_types(scene).count(outcome) == before + 1)


def test_h76_reload(lab):
    """A bad file changes nothing; a good one takes effect for new sessions, and the old session stays."""
    scene = Scene(lab, "psk")
    scene.connect()
    with open(scene.gateway.file) as f:
        good = f.read()
    spis = scene.ike_spis()
    asked = scene.gateway.file + ".good"  # roamctl reads the file as well, to find the socket
    with open(asked, "w") as f:
        f.write(good)
    scene.gateway._where = lambda: ("--config", asked)
    for bad in (good[:len(good) // 2], good + "unknown-key: 1\n", good.replace("version: 1", "version: 9"), ""):
        reload(scene, bad, "config-refused")
    text = scene.gateway.control.text()
    assert f"{scene.gateway.file}:" in text and "stays" in text
    scene.ping()
    reload(scene, good, "config-reloaded")
    assert counter(scene, "config-reloads") == 1 and counter(scene, "config-reloads-refused") == 4
    scene.ping()
    # Another secret: new sessions need it, the one that is up does not.
    psk = os.path.join(scene.gateway.folder, "clients.psk")
    with open(psk, "w") as f:
        f.write("quite another secret")
    reload(scene, good, "config-reloaded")
    scene.ping()
    assert scene.ike_spis() == spis
    vips = scene.laptop.sa()["local-vips"]
    scene.stop_laptop()
    scene.start_laptop()
    refused = counter(scene, "ike-authentication-failed")
    with pytest.raises(Exception, match="initiate"):
        scene.laptop.initiate()
    wait_for("a refusal", lambda: counter(scene, "ike-authentication-failed") > refused)
    assert not scene.client()
    scene.laptop.process.stop()
    os.chmod(psk, 0o644)
    reload(scene, good, "config-refused")
    assert "chmod 600" in scene.gateway.control.text()
    with open(psk, "w") as f:
        f.write(PSK + "\n")
    os.chmod(psk, 0o600)
    reload(scene, good, "config-reloaded")
    scene.connect()
    assert scene.laptop.sa()["local-vips"] == vips, "the lease stays with the identity over reloads"


def test_H68_a_pool_of_a_reload(lab):
    """What is for clients of a pool, or for a network behind a peer, that a reload brought never leaves in clear."""
    scene = Scene(lab, "psk")
    leaks = LeakWatch(lab, scene.net.router, ["isp1", "isp2"], ["10.98.0.0/16", "2001:db8:98::/64", "10.77.0.0/24"])
    lab.run(scene.net.gateway, "sysctl", "-q", "-w", "net.ipv4.ip_forward=1")  # it routes for others too
    with open(scene.gateway.file) as f:
        config = yaml.safe_load(f)
    config["pools"]["more"] = {"ranges": ["10.98.0.0/16", "2001:db8:98::/64"]}
    roam = next(iter(config["connections"].values()))
    roam["pool"] = [roam["pool"], "more"]
    roam["selectors"]["remote"] = ["10.77.0.0/24"]
    reload(scene, yaml.safe_dump(config), "config-reloaded")
    before = scene.gateway.drops()
    for address in ("10.98.0.9", "2001:db8:98::9", "10.77.0.9"):
        with pytest.raises(LabError):
            lab.run(scene.net.server, "ping", "-c", "2", "-i", "0.05", "-W", "1", address)
    assert scene.gateway.drops()["out-no-sa"] >= before["out-no-sa"] + 6
    # A clean stop of control is no reason to let them out, and the next one has them once.
    guards = len(scene.gateway.ctl("dataplane", "policies")["policies"])
    assert scene.gateway.control.stop() == 0
    for address in ("10.98.0.9", "2001:db8:98::9", "10.77.0.9"):
        with pytest.raises(LabError):
            lab.run(scene.net.server, "ping", "-c", "2", "-i", "0.05", "-W", "1", address)
    assert not leaks.stop()
    assert scene.gateway.drops()["out-no-sa"] >= before["out-no-sa"] + 12
    scene.gateway.start_control()
    wait_for("the guards of the new process", lambda: len(
        scene.gateway.ctl("dataplane", "policies")["policies"]) == guards)


def test_operator_commands(lab):
    scene = Scene(lab)
    scene.connect()
    ike, child = scene.ike_spis(), scene.laptop.child()["spi-in"]
    scene.gateway.ctl("rekey", "child", "laptop@example.net")
    wait_for("another Child SA", lambda: (scene.laptop.child() or {}).get("spi-in", child) != child)
    scene.gateway.ctl("rekey", "ike", "laptop@example.net")
    wait_for("another IKE SA", lambda: scene.ike_spis() not in (None, ike))
    scene.ping()
    done = subprocess.run([ROAMCTL, "--config", scene.gateway.file, "terminate", "nobody@example.net"],
                          text=True, capture_output=True)
    assert done.returncode == 1 and "no such client" in done.stderr
    scene.gateway.ctl("terminate", str(scene.client()["id"]))
    wait_for("the Delete", lambda: not scene.laptop.sa())
    wait_for("an empty dataplane", lambda: scene.gateway.ctl("dataplane", "status")["status"]["sas_in"] == 0)


def test_rules(lab):
    """Source rules of the uplinks: there while control runs, exact after a crash, gone after a clean stop."""
    scene = Scene(lab)
    wanted = {4: len(rules(scene, 4)), 6: len(rules(scene, 6))}
    assert wanted == {4: 2, 6: 2}
    assert any("from 203.0.113.2 lookup 101" in r for r in rules(scene))
    scene.gateway.control.kill()
    assert len(rules(scene)) == 2
    scene.lab.run(scene.net.gateway, "ip", "rule", "add", "from", "192.0.2.99", "lookup", "9", "proto", "82")
    scene.gateway.start_control()
    assert len(rules(scene)) == 2 and len(rules(scene, 6)) == 2
    assert scene.gateway.control.stop() == 0
    assert rules(scene) == [] and rules(scene, 6) == []


def test_stop_with_a_dead_peer(lab):
    """A clean stop is bounded in time, and leaves nothing in the dataplane but what keeps packets in (H68)."""
    scene = Scene(lab)
    scene.connect()
    scene.laptop.process.kill()
    assert scene.gateway.control.stop() == 0
    status = scene.gateway.ctl("dataplane", "status")["status"]
    assert (status["sas_in"], status["sas_out"], status["tunnels"]) == (0, 0, 0) and not scene.gateway.policies()


def test_second_daemon_is_refused(lab):
    scene = Scene(lab)
    other = lab.spawn(scene.net.gateway, "another-control", CONTROL, "--config", scene.gateway.file)
    assert other.wait(5) == 1
    assert "another roamgate-control is running" in other.text()
    scene.connect()
    scene.ping()
