#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The product in three minutes: a strongSwan laptop downloads a file through
roamgate while it loses one network, comes back, and while the gateway loses an
uplink. Ends with a timeline and with checks; exits 0 only if all of them hold."""
import argparse
import json
import os
import sys
import time

from capture import LeakWatch
from gateway import DEMO, Gateway, demo_config
from internet import Internet
from lab import BUILD, Lab, LabError, terminate_on_signals, wait_for
from pki import Pki
from probe import STREAM
from stream import SILENCE, content_hash
from swan import Strongswan
from timeline import Timeline, report

IDENTITY = "laptop@example.net"
LOGS = os.path.join(BUILD, "logs", "demo")
PORT, SEED = 8000, 20
DETECTION_MS = 100  # charon waits that long after a change of its interfaces before it acts
SILENCE_MS = 300    # and so much more a move may take
STUCK_MS = 1000     # a lost message that only its retransmission healed

# Drops that only a careless move could cause: an SA, policy, path or route that is missing or
# suspended for a moment, an SA that went too early, a ring that ran over.
MOVE_DROPS = {"esp-no-sa", "esp-sa-dead", "esp-selectors", "esp-replay-old", "forward-clear", "no-forward",
              "out-no-policy", "out-no-sa", "out-sa-dead", "out-suspended", "out-sequence", "out-no-route",
              "handover-full", "handover-stale", "tx-port-down"}
# An uplink without carrier takes nothing; what it was handed until the move is the outage itself.
UPLINK_DROPS = {"out-no-route", "tx-port-down"}


class Demo:
    def __init__(self, lab, rate, phase, say):
        self.lab, self.rate, self.phase, self.say = lab, rate, phase, say
        self.timeline, self.moves, self.checks = Timeline(), [], []
        self.config = demo_config()
        self.size = int(rate * phase * 4.4)

    def check(self, text, ok, detail=""):
        self.checks.append({"check": text, "ok": bool(ok), "detail": str(detail)})

    # ---- the stage

    def build(self):
        self.net = Internet(self.lab, self.config)
        self.say(self.net.ascii())
        pki = Pki(self.lab.path("pki"))
        pki.issue("gw", self.config["gateway"]["identity"], "serverAuth")
        pki.issue("laptop", IDENTITY)
        roam = self.config["connections"]["roam"]
        inner = roam["selectors"]["local"]
        pools = [r for pool in self.config["pools"].values() for r in pool["ranges"]]
        self.leaks = LeakWatch(self.lab, self.net.router, ["isp1", "isp2", "wlan", "lte"], inner + pools)
        with open(DEMO) as f:
            self.gateway = Gateway(self.lab, self.net.gateway, f.read(), pki).start()
        self.gateway.follow_events()
        self.timeline.add("gateway", "roamgate runs from config/examples/demo.yaml: af_packet ports, no hugepages")
        # prefer_best_path: go back to the cheaper network when it is there again
        self.laptop = Strongswan(self.lab, self.net.laptop, options="interfaces_use = wlan, lte\n  prefer_best_path = yes")
        self.laptop.configure(pki=pki, cert="laptop", identity=IDENTITY, vips="0.0.0.0, ::",
                              remote_addrs=", ".join(self.net.gateway_addresses()), remote_ts=", ".join(inner),
                              remote_identity=self.config["gateway"]["identity"])
        self.laptop.start()

    def connect(self):
        sa = self.laptop.initiate()
        self.first = sa
        self.timeline.add("laptop", f"strongSwan is connected: IKE {sa['encr-alg']}-{sa['encr-keysize']} {sa['dh-group']}, "
                                    f"ECDSA certificates, addresses {', '.join(sa['local-vips'])}")

    def spis(self):
        sa = self.laptop.sa()
        return (sa["initiator-spi"], sa["responder-spi"]) if sa else None

    def start_download(self):
        address = self.net.server_addresses[4]
        server = self.lab.spawn(self.net.server, "web", "/usr/bin/python3", STREAM, "serve", address, PORT,
                                self.size, int(self.rate), SEED)
        wait_for("the server", lambda: "ready" in server.text(), 30)
        self.result = self.lab.path("download.json")
        self.lab.spawn(self.net.laptop, "download", "/usr/bin/python3", STREAM, "fetch", address, PORT, self.result)
        self.timeline.add("laptop", f"download of {self.size / 1e6:.0f} MB at {self.rate / 1e6:.0f} MB/s begins")
        self.started = time.monotonic()

    # ---- what happens

    def until(self, seconds):
        """Let the download run until so many seconds after its start."""
        while time.monotonic() < self.started + seconds:
            time.sleep(0.05)

    def move(self, title, action, endpoints, at, not_ours=frozenset()):
        """Do `action` and wait until the laptop's IKE SA runs between a pair of `endpoints`, our address and
        the gateway's; drops for the reasons in `not_ours` are the outage itself."""
        self.until(at)
        self.say(f"  {title} ...")
        drops = self.gateway.drops()
        move = {"move": title, "at": time.monotonic(), "from": list(self.laptop.endpoints() or ()), "to": []}
        self.timeline.add("event", title)
        action()
        try:
            wait_for(title, lambda: self.laptop.endpoints() in endpoints and self._gateway_agrees(self.laptop.endpoints()),
                     15, 0.02)
            move["done"], move["to"] = True, list(self.laptop.endpoints())
        except LabError:
            move["done"] = False
        move["confirmed"] = time.monotonic()
        self.until(at + self.phase * 0.6)
        move["drops"] = {n: v - drops.get(n, 0) for n, v in self.gateway.drops().items()
                         if v > drops.get(n, 0) and n in MOVE_DROPS - not_ours}
        self.moves.append(move)

    def _gateway_agrees(self, endpoints):
        client = self.gateway.client(IDENTITY)
        return client and (client["remote-address"], client["local-address"]) == endpoints

    def play(self):
        net, phase = self.net, self.phase
        uplinks = {net.uplink_address(n): n for n in ("isp1", "isp2")}
        wlan, lte = (net.access_address(n) for n in ("wlan", "lte"))
        self.before = self.gateway.drops()
        self.start_download()
        # of the gateway's addresses strongSwan takes the one that answers first
        self.move("the laptop loses wlan and goes on over lte", lambda: net.access_down("wlan"),
                  [(lte, a) for a in uplinks], phase)
        self.move("wlan is back and the laptop returns", lambda: net.access_up("wlan"), [(wlan, a) for a in uplinks],
                  2 * phase)
        in_use = uplinks[(self.laptop.endpoints() or (wlan, *uplinks))[1]]
        other, name = next((a, n) for a, n in uplinks.items() if n != in_use)
        self.move(f"the gateway loses {in_use} and goes on over {name}", lambda: net.uplink_down(in_use), [(wlan, other)],
                  3 * phase, UPLINK_DROPS)
        wait_for("the end of the download", lambda: os.path.exists(self.result), 6 * phase + 30, 0.05)
        self.after = self.gateway.drops()
        self.timeline.add("laptop", "download complete")

    # ---- what came of it

    def judge(self):
        with open(self.result) as f:
            self.download = json.load(f)
        expected = content_hash(self.size, SEED)
        self.drop_causes = {n: v - self.before.get(n, 0) for n, v in self.after.items() if v > self.before.get(n, 0)}
        log = self.laptop.log()
        for i, move in enumerate(self.moves):
            end = self.moves[i + 1]["at"] if i + 1 < len(self.moves) else self.download["ended"]
            gaps = [d for s, d in self.download["silences"] if move["at"] - 0.02 <= s < end]
            move["silence_ms"] = round(1000 * max(gaps, default=SILENCE), 1)
            move["under_traffic"] = move["confirmed"] < self.download["ended"]
        self.check("the file's hash is right", self.download["sha256"] == expected, self.download["sha256"])
        for move in self.moves:
            self.check(f"moved: {move['move']}", move["done"] and move["under_traffic"],
                       "to " + (" - ".join(move["to"]) or "nowhere"))
        self.check("the same IKE SA throughout, no re-authentication",
                   self.spis() == (self.first["initiator-spi"], self.first["responder-spi"])
                   and log.count("generating IKE_AUTH request") == log.count("generating IKE_AUTH request 1")
                   and log.count("generating IKE_SA_INIT request") == 1, f"SPIs {' '.join(self.spis() or ['none'])}")
        first = self.moves[0]
        self.check(f"silence of wlan to lte under {SILENCE_MS} ms beyond the client's own {DETECTION_MS} ms",
                   first["silence_ms"] < SILENCE_MS + DETECTION_MS, f"{first['silence_ms']} ms")
        longest = max(move["silence_ms"] for move in self.moves)
        self.check(f"no silence over {STUCK_MS} ms at any move", longest < STUCK_MS, f"{longest} ms")
        caused = [f"{n}: {v}" for move in self.moves for n, v in move["drops"].items()]
        self.check("no packet dropped inside the gateway because of a move", not caused, ", ".join(caused) or "none")
        found = self.leaks.stop()
        self.check("nothing left in clear", not found, found[:3] or "nothing but IKE, ESP, ARP, ND and ICMP outside")
        self.expected = expected
        return all(c["ok"] for c in self.checks)


def main():
    parser = argparse.ArgumentParser(prog="run demo", description=__doc__.replace("\n", " "))
    parser.add_argument("--plot", metavar="FILE.png", help="draw throughput over time, with the moves")
    parser.add_argument("--json", metavar="FILE", help="write what was printed as JSON")
    parser.add_argument("--rate", type=float, default=12, help="of the download, MB/s (default 12)")
    parser.add_argument("--phase", type=float, default=5, help="seconds between two moves (default 5)")
    arguments = parser.parse_args()
    terminate_on_signals()
    began = time.monotonic()
    with Lab() as lab:
        demo = Demo(lab, arguments.rate * 1e6, arguments.phase, lambda text: print(text, flush=True))
        try:
            demo.build()
            demo.connect()
            demo.play()
            ok = demo.judge()
        except LabError as error:
            print(f"demo: {error}", file=sys.stderr)
            lab.close(save_to=LOGS)
            print(f"demo: logs are in {LOGS}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("demo: stopped", file=sys.stderr)
            return 130
        demo.timeline.add_gateway(demo.gateway.events())
        demo.timeline.add_charon(demo.laptop.log_lines())
        report(demo, arguments, time.monotonic() - began)
        if not ok:
            lab.close(save_to=LOGS)
            print(f"logs are in {LOGS}")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
