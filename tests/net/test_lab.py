# SPDX-License-Identifier: Apache-2.0
"""The lab itself: its watches see what they are for, its delay line delays and loses
what its seed says, its address translation maps anew. No roamgate here."""
import re

from capture import LeakWatch
from gateway import demo_config
from internet import Internet
from lab import ip, wait_for


def gateway_without_roamgate(net):
    """Plain kernel forwarding in the gateway's namespace."""
    net.lab.nft(net.gateway, "delete table netdev roamgate")
    for name, uplink in net.config["uplinks"].items():
        net.lab.address(net.gateway, net.ports[uplink["port"]], uplink["addresses"][0])
    ip("-n", net.gateway, "route", "add", "default", "via", net.config["uplinks"]["isp1"]["gateways"][0])


def test_leak_watch_sees_inner_addresses_and_unknown_protocols(lab):
    net = Internet(lab, demo_config())
    gateway_without_roamgate(net)
    watch = LeakWatch(lab, net.router, ["wlan"], ["10.20.0.0/24"])
    lab.run(net.laptop, "ping", "-c", "1", "-W", "2", "203.0.113.2")
    lab.run(net.laptop, "ping", "-c", "1", "-W", "1", "10.20.0.10", check=False)
    lab.run(net.laptop, "/usr/bin/python3", "-c", "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
            "s.sendto(b'x', ('203.0.113.2', 4500))\ns.sendto(b'x', ('203.0.113.2', 4501))")
    found = watch.stop()
    assert [f for f in found if "> 10.20.0.10 protocol 1" in f], found
    assert len([f for f in found if "> 203.0.113.2 protocol 17" in f]) == 1, found
    assert not [f for f in found if "203.0.113.2 protocol 1," in f], found


def test_delay_line_delays_in_order_and_loses_what_its_seed_says(lab):
    net = Internet(lab, demo_config(), delay={"wlan": (25, 0), "lte": (1, 0.2)}, seed=7)
    out = lab.run(net.laptop, "ping", "-c", "4", "-i", "0.1", "10.1.1.1")
    times = [float(t) for t in re.findall(r"time=([\d.]+)", out)]
    assert len(times) == 4 and min(times) >= 50 and sorted(times)[1] < 60, times
    out = lab.run(net.laptop, "ping", "-c", "200", "-i", "0.005", "-W", "1", "10.1.2.1", check=False).stdout
    received = int(re.search(r"(\d+) received", out)[1])
    assert 90 < received < 165, received  # 200 x 0.8 x 0.8 = 128


def test_nat_maps_anew(lab):
    net = Internet(lab, demo_config())
    gateway_without_roamgate(net)
    server = lab.spawn(net.gateway, "seen", "/usr/bin/python3", "-u", "-c",
                       "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.bind(('', 4500))\n"
                       "print('ready')\nwhile True: print(*s.recvfrom(99)[1])")
    wait_for("the server", lambda: "ready" in server.text())
    send = ("import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.bind(('', 4500))\n"
            "s.sendto(b'x', ('203.0.113.2', 4500))")
    seen = lambda n: wait_for(f"packet {n}", lambda: server.text().count("\n") > n and server.text().splitlines()[n])
    net.nat("wlan", "20000-20100")
    lab.run(net.laptop, "/usr/bin/python3", "-c", send)
    address, port = seen(1).split()
    assert address == "100.64.1.1" and 20000 <= int(port) <= 20100
    net.nat("wlan", "30000-30100")
    lab.run(net.laptop, "/usr/bin/python3", "-c", send)
    address, port = seen(2).split()
    assert address == "100.64.1.1" and 30000 <= int(port) <= 30100


def test_names_do_not_collide(lab):
    """Two runs at once: every name of the machine carries the run's own tag."""
    ns = lab.namespace("x")
    assert ns.startswith(lab.tag) and ns in ip("netns")
    assert len(lab.path("roamgate", "dataplane.sock")) < 108
