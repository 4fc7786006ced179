# SPDX-License-Identifier: Apache-2.0
"""SIGKILL of either daemon while a download runs (H71 without checkpoints, H72)."""
import signal
import subprocess
import time

from capture import Capture, esp_packets
from gateway import ROAMCTL
from lab import wait_for
from stream import content_hash
from scene import STUCK, Scene


def check_download(result):
    assert result["error"] is None and result["sha256"] == content_hash(result["size"], 1), result["error"]


def dataplane_sas(scene):
    status = scene.gateway.ctl("dataplane", "status")["status"]
    return status["sas_in"], status["sas_out"]


def test_control_killed_during_a_download(lab):
    scene = Scene(lab)
    scene.connect(dpd="0s")
    vips, gateway = scene.laptop.sa()["local-vips"], scene.gateway
    download = scene.download(6)
    gateway.control.kill()
    done = subprocess.run([ROAMCTL, "--config", gateway.file, "status"], text=True, capture_output=True)
    assert done.returncode == 3 and done.stderr.strip(), "roamctl says that control is not there"
    assert dataplane_sas(scene) == (1, 1)
    gateway.start_control()
    assert dataplane_sas(scene) == (1, 1), "the new control keeps what it finds"
    assert any("checkpoint" in note for note in gateway.ctl("status")["status"]["notes"])
    result = download()
    check_download(result)
    assert max((d for _, d in result["silences"]), default=0) < STUCK, "traffic goes on without control"
    scene.ping(4)
    # The laptop comes back with a new IKE SA: the same addresses, and the orphans go.
    scene.laptop.process.kill()
    scene.connect()
    assert scene.laptop.sa()["local-vips"] == vips
    wait_for("the orphans to be replaced", lambda: dataplane_sas(scene) == (1, 1), 5)
    scene.ping(4)


def replay(scene, frames):
    """Send frames once more, from the router's end of isp1."""
    script = ("import socket, sys\ns = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\ns.bind(('isp1', 0))\n"
              "for line in sys.stdin: s.send(bytes.fromhex(line))\n")
    scene.lab.run(scene.net.router, "/usr/bin/python3", "-c", script, input="\n".join(f.hex() for f in frames))


def refused(scene):
    drops = scene.gateway.drops()
    return sum(drops.get(n, 0) for n in ("esp-replay-old", "esp-replay-seen", "esp-no-sa"))


def test_dataplane_killed_during_a_download(lab):
    scene = Scene(lab)
    scene.connect()
    gateway, outer = scene.gateway, scene.net.uplink_address("isp1")
    capture = Capture(lab, scene.net.router, "isp1", "udp port 4500", "isp1")
    download = scene.download(8, rate=2e6)
    child = scene.laptop.child()
    wait_for("traffic", lambda: int(scene.laptop.child()["packets-out"]) > 150)
    gateway.dataplane.signal(signal.SIGKILL)
    gateway.dataplane.wait()
    old = [p for p in esp_packets(capture.packets()) if p.destination == outer]
    assert len(old) > 100
    restarted = time.time()
    gateway.start_dataplane()
    wait_for("a rekey of the Child SA", lambda: (scene.laptop.child() or child)["spi-in"] != child["spi-in"], 15)
    check_download(download())
    before, sent = refused(scene), old[-100:]
    replay(scene, [p.frame for p in sent])
    wait_for("the old packets to be refused", lambda: refused(scene) >= before + len(sent), 5)
    seen = {}
    for packet in esp_packets(capture.stop()):
        if packet.source == outer:
            key = (packet.spi, packet.sequence)
            assert key not in seen, f"SPI {key[0]:08x} sequence {key[1]} left twice, at {seen[key]} and {packet.time}"
            seen[key] = packet.time
    spi = int(child["spi-in"], 16)
    last = max(n for (s, n), t in seen.items() if s == spi and t < restarted)
    assert all(n > last + (1 << 16) for (s, n), t in seen.items() if s == spi and t > restarted)
    assert len({spi for spi, _ in seen}) >= 2
    assert scene.laptop.sa()["initiator-spi"] and scene.client()
    scene.ping(4)


def test_both_killed_nothing_is_reinstalled(lab):
    """Without the counters' memfd nobody knows which sequence numbers left (H72)."""
    scene = Scene(lab)
    scene.connect()
    scene.gateway.control.kill()
    scene.gateway.dataplane.kill()
    scene.gateway.start()
    assert dataplane_sas(scene) == (0, 0)
    scene.laptop.process.kill()
    scene.connect()
    scene.ping(4)


def test_clean_stop(lab):
    """SIGTERM: both end with 0, and the laptop learns that its SA is gone."""
    scene = Scene(lab)
    scene.connect()
    assert scene.gateway.stop() == [0, 0]
    wait_for("the Delete", lambda: not scene.laptop.sa(), 5)
