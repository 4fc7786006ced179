# SPDX-License-Identifier: Apache-2.0
"""Moves that must not happen, on the real daemons: H43 to H47 and H50 of the catalogue.
The client has good keys and bad intentions, or somebody else sends what was seen on the wire.
The exchange tests show the same without a network (mobike_hostile_test.c)."""
import itertools
import socket
import struct
import subprocess

import pytest
from scapy.all import IP, UDP, Ether, Raw

from capture import Capture
from gateway import lab_config
from lab import wait_for
from mover_peer import Mover, Wire, check_sequences, identity_of
from scene import Scene

CONFIG = {"mobility": {"updates": "1000/s", "rr-timeout": "500ms"}, "lifetimes": {"dpd": "off"}}
ATTACKER, VICTIM = "10.1.2.77", "10.1.2.99"
INJECT = """
import socket, sys
out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
out.bind((sys.argv[1], 0))
for line in sys.stdin:
    out.send(bytes.fromhex(line))
"""
names = (f"hv{n}" for n in itertools.count())


@pytest.fixture(scope="module")
def scene(new_lab):
    with new_lab() as lab:
        scene = Scene(lab, "psk", access={"wlan": "46", "lte": "46"}, config=lab_config("psk", **CONFIG))
        scene.gateway.follow_events()
        yield scene


@pytest.fixture
def mover(scene):
    mover = Mover(scene, next(names)).connect("wlan", 4)
    yield mover
    mover.stop()


class Unmoved:
    """A probe and captures while something hostile happens; afterwards everything is as it was."""

    def __init__(self, mover):
        self.mover, self.scene = mover, mover.scene
        self.before, self.tunnel, self.moves = mover.status(), mover.tunnel(), mover.client()["moves"]
        self.counters = counters(self.scene)
        self.wire = Wire(mover, mover.name)
        mover.probe()

    def counted(self, name, more=1):
        wait_for(f"{name} to count {more} more", lambda: counters(self.scene)[name] >= self.counters[name] + more)

    def end(self):
        """The path is the old one, the traffic noticed nothing."""
        mover = self.mover
        mover.wait_packets(40)
        report, after = mover.probe_stop(), mover.status()
        self.wire.stop()
        assert report["lost"] == report["duplicates"] == 0, report
        assert identity_of(after) == identity_of(self.before)
        assert mover.tunnel() == self.tunnel and mover.client()["moves"] == self.moves
        assert self.wire.paths(self.wire.down) == self.wire.paths(self.wire.down)[:1]
        check_sequences(self.wire.down, "downlink")
        return after


def counters(scene):
    """All of control's and the dataplane's."""
    found = {}
    for c in scene.gateway.ctl("counters")["counters"] + scene.gateway.ctl("dataplane", "counters")["counters"]:
        found[c["name"]] = found.get(c["name"], 0) + c["value"]
    return found


def inject(scene, frames):
    """Puts frames on the wire between the router and the gateway, as who stands there could."""
    subprocess.run(["ip", "netns", "exec", scene.net.router, "/usr/bin/python3", "-c", INJECT, "isp1"],
                   input="".join(f.hex() + "\n" for f in frames), text=True, check=True, timeout=20)


def uplink_frames(mover, act):
    """What the mover's packets look like on isp1 while `act` runs: [(frame, is IKE)]."""
    capture = Capture(mover.lab, mover.net.router, "isp1", "proto 50 or udp port 4500 or udp port 500",
                      f"seen-{mover.name}-{next(names)}")
    act()
    source = socket.inet_aton(mover.net.access_address("wlan"))
    return [f for _, f in capture.stop() if f[26:30] == source]


def is_ike(frame):
    return frame[23] == 17


def from_elsewhere(frame, source, damage=False):
    """The same packet with another source address; `damage`: and another last octet."""
    packet = Ether(frame[:-1] + bytes([frame[-1] ^ damage]))
    packet[IP].src = source
    del packet[IP].chksum
    if UDP in packet:
        del packet[UDP].chksum
    return bytes(packet)


def sent_to(wire, address):
    """IKE and ESP packets to an address, as the gateway sent them."""
    target = socket.inet_aton(address)
    frames = [f for _, f in wire.frames_down if f[12:14] == b"\x08\0" and f[30:34] == target]
    esp = [p for p in wire.down if p.destination == address]
    return len(frames) - len(esp), len(esp)


def quiet(mover):
    """No request of the mover's own is on the wire."""
    wait_for("the exchange to end", lambda: not mover.status()["ike"]["busy"], 10, 0.02)


# ---- H43

def test_H43_esp_of_others_moves_nothing(scene, mover):
    """Replayed, damaged and invented ESP from a new address; the newest sequence numbers included."""
    mover.probe()
    frames = [f for f in uplink_frames(mover, lambda: mover.wait_packets(20)) if not is_ike(f)]
    mover.probe_stop()
    assert frames
    watch = Unmoved(mover)
    spi = int(mover.sa("out")["spi"], 16)
    invented = [bytes(Ether(frames[0][:14]) / IP(src=ATTACKER, dst=scene.net.uplink_address("isp1"), proto=50) /
                      Raw(struct.pack("!IIQ", spi, 1 << 20 | n, n) + bytes(80))) for n in range(10)]
    inject(scene, [from_elsewhere(f, ATTACKER) for f in frames[:10]] +
           [from_elsewhere(f, ATTACKER, damage=True) for f in frames[:10]] + invented)
    watch.counted("esp-replay-seen", 20)
    watch.counted("esp-auth", 10)
    watch.end()
    assert sent_to(watch.wire, ATTACKER) == (0, 0)


def test_H43_ike_of_others_moves_nothing(scene, mover):
    """An update that was seen on the wire, from a new address: damaged, and as it was. Only the very last request is
    answered again, to where the copy came from (RFC 7296 2.1, H38)."""
    frames = [f for f in uplink_frames(mover, lambda: (mover.command("request update " + mover.pair("wlan")),
                                                      quiet(mover))) if is_ike(f)]
    assert frames
    watch = Unmoved(mover)
    inject(scene, [from_elsewhere(f, ATTACKER, damage=True) for f in frames] +
           [from_elsewhere(f, ATTACKER) for f in frames])
    watch.counted("ike-drop-retransmission-differs")
    watch.counted("ike-answered-again")
    watch.end()
    ike, esp = sent_to(watch.wire, ATTACKER)
    assert (ike, esp) == (1, 0)


# ---- H44

def test_H44_request_from_another_address(scene, mover):
    """An authenticated request that is no update is answered there, and moves nothing."""
    watch = Unmoved(mover)
    mover.command("request empty " + mover.pair("lte"))
    wait_for("the answer", lambda: mover.events("response"))
    answer = mover.events("response")[0]
    assert answer["local"] == scene.net.access_address("lte") + ":4500"
    watch.counted("mobike-request-from-elsewhere")
    after = watch.end()
    assert after["ike"]["local"] == watch.before["ike"]["local"]
    assert mover.client()["remote-address"] == scene.net.access_address("wlan")


# ---- H45

def test_H45_update_to_a_victim(scene, mover):
    """The source of an update is somebody else's: who gets a bounded number of small IKE messages and no ESP."""
    watch = Unmoved(mover)
    mover.command(f"spoof {VICTIM} 1")
    mover.command("request update " + mover.pair("wlan"))
    watch.counted("mobike-return-routability-started")
    watch.counted("mobike-return-routability-timeout")
    quiet(mover)
    wait_for("the old address", lambda: mover.client()["remote-address"] == scene.net.access_address("wlan"))
    watch.end()
    ike, esp = sent_to(watch.wire, VICTIM)
    assert esp == 0 and 2 <= ike <= 16, (ike, esp)
    # The true client is still served: it moves when it asks.
    mover.command("move " + mover.pair("lte"))
    mover.wait_remote(scene.net.access_address("lte"))


# ---- H46

def test_H46_cookie_that_differs_ends_the_session(scene, mover):
    watch = Unmoved(mover)
    mover.command("cookie alter")
    mover.command("move " + mover.pair("lte"))
    wait_for("the gateway to close the session", lambda: not mover.client())
    watch.counted("mobike-return-routability-cookie-differs")
    mover.probe_stop()
    wire = watch.wire.stop()
    assert sent_to(wire, scene.net.access_address("lte"))[1] == 0, "ESP went to an address that was not proven"
    assert not scene.gateway.ctl("dataplane", "tunnels")["tunnels"]


def test_H46_missing_cookie_proves_nothing(scene, mover):
    """rr-missing-cookie: refuse. The old path stays; a later, honest proof moves."""
    watch = Unmoved(mover)
    mover.command("cookie omit")
    mover.command("move " + mover.pair("lte"))
    watch.counted("mobike-return-routability-cookie-missing")
    quiet(mover)
    watch.end()
    assert sent_to(watch.wire, scene.net.access_address("lte"))[1] == 0
    mover.command("cookie keep")
    mover.command("move " + mover.pair("lte", 6))
    mover.wait_remote(scene.net.access_address("lte", 6))


# ---- H47

def test_H47_older_updates_come_again(scene, mover):
    """Every IKE message of three moves once more, in order: older ones are refused, the last is answered, none moves."""
    def roam():
        for pair in (mover.pair("lte"), mover.pair("lte", 6), mover.pair("wlan")):
            mover.command("move " + pair)
            mover.wait_remote(pair.split()[0])
            quiet(mover)
    capture = Capture(mover.lab, mover.net.router, "isp1", "udp port 4500", f"roam-{mover.name}")
    roam()
    sources = {socket.inet_pton(socket.AF_INET6 if v == 6 else socket.AF_INET, scene.net.access_address(n, v))
               for n in ("wlan", "lte") for v in (4, 6)}
    frames = [f for _, f in capture.stop() if (f[26:30] if f[12:14] == b"\x08\0" else f[22:38]) in sources]
    assert len(frames) >= 6  # three updates and three answers to proofs
    watch = Unmoved(mover)
    inject(scene, frames + frames[::-1])
    watch.counted("ike-drop-message-id", 6)
    watch.counted("ike-answered-again")  # its second copy comes at once: a burst (KD-10)
    watch.end()


# ---- H50

@pytest.mark.parametrize("source", ["169.254.7.7", "240.0.0.9"])
def test_H50_update_from_an_unacceptable_address(scene, mover, source):
    """UNACCEPTABLE_ADDRESSES, also in the answer to the copy that comes from the true address."""
    watch = Unmoved(mover)
    mover.command(f"spoof {source} 1")
    mover.command("request update " + mover.pair("wlan"))
    wait_for("the answer", lambda: mover.events("response"))
    assert "UNACCEPTABLE_ADDRESSES" in mover.events("response")[0]["notifies"]
    watch.counted("mobike-refused")
    watch.end()
    assert sent_to(watch.wire, source)[1] == 0
