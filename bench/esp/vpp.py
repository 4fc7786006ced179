# SPDX-License-Identifier: Apache-2.0
"""VPP on one CPU, as our cases with AES-128-GCM: tunnel N has an IPIP interface that a pair of
SAs protects, and the client behind it a route of its own. Its packet generator makes packets to
clients at random. What it is to decrypt, another VPP with the same SAs has encrypted before, one
packet an SA; they come in an order that is shuffled once, and without a replay window."""

import os
import random
import re
import socket
import struct
import subprocess
import time

from rival import KEY, SALT, Rival

FRAME = 256  # packets, the most that VPP takes
HUGE_PAGES = 600  # of 2 MB
ENDLESS = 10**15
WARM_UP, WINDOW, WINDOWS = 0.05, 0.08, 5  # seconds, seconds, and how many
LAN_MAC, UPLINK_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"
LAN_HOST, UPLINK_HOST = "02:00:00:00:00:03", "02:00:00:00:00:04"

START = """unix {{ nodaemon nosyslog cli-listen {folder}/cli runtime-dir {folder} startup-config {folder}/commands }}
cpu {{ main-core {cpu} }}
api-segment {{ prefix roamgate-bench }}
statseg {{ size 512M socket-name {folder}/stats }}
plugins {{ plugin dpdk_plugin.so {{ disable }} }}
"""

HUGE = """memory { main-heap-size 1G main-heap-page-size 2M }
buffers { page-size 2M }
"""

INTERFACES = f"""create packet-generator interface pg0 hw-addr {LAN_MAC}
create packet-generator interface pg1 hw-addr {UPLINK_MAC}
set interface state pg0 up
set interface state pg1 up
set interface ip address pg0 10.20.0.1/16
set interface ip address pg1 203.0.113.2/24
set ip neighbor pg0 10.20.0.10 {LAN_HOST}
set ip neighbor pg1 203.0.113.254 {UPLINK_HOST}
ip route add 198.18.0.0/15 via 203.0.113.254 pg1
"""

TUNNEL = """create ipip tunnel src 203.0.113.2 dst {outer} instance {n}
ipsec sa add {out} spi {spi} esp crypto-key {key} crypto-alg aes-gcm-128 salt 0x{salt}
ipsec sa add {into} spi {spi} esp crypto-key {key} crypto-alg aes-gcm-128 salt 0x{salt} inbound
ipsec tunnel protect ipip{n} sa-in {into} sa-out {out}
set interface unnumbered ipip{n} use pg1
set interface state ipip{n} up
"""


def huge_pages():
    """Whether there are enough of them free for VPP's heap and buffers."""
    try:
        with open("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", encoding="ascii") as file:
            return int(file.read()) >= HUGE_PAGES
    except OSError:
        return False


def address(first, n):
    return socket.inet_ntoa(struct.pack("!I", first + n + 1))


def inner(n):
    return address(0x0A630000, n)


def tunnels(sas, encrypt):
    lines = [INTERFACES]
    for n in range(sas):
        ids = {"n": n, "out": 2 * n + 1, "into": 2 * n + 2, "spi": 0x10000001 + n}
        lines.append(TUNNEL.format(outer=address(0xC6120000, n), key=KEY, salt=SALT, **ids))
        if encrypt:
            lines.append(f"ip route add {inner(n)}/32 via ipip{n}\n")
    if not encrypt:
        lines.append("ip route add 10.99.0.0/16 via 10.20.0.10 pg0\n")
    return "".join(lines)


def plain(sas, size, order, limit):
    """A stream of packets to the clients; `order` is what the packet generator calls it: + random, - one after the other."""
    clients = inner(0) if sas == 1 else f"{inner(0)} {order} {inner(sas - 1)}"
    return (
        f"packet-generator new {{ name x limit {limit} maxframe {FRAME} size {size + 14}-{size + 14} node ethernet-input "
        f"interface pg0 data {{ IP4: {LAN_HOST} -> {LAN_MAC} UDP: 10.20.0.10 -> {clients} "
        f"UDP: 1000 -> 2000 length {size - 20} checksum 0 incrementing 8 }} }}\n"
    )


class Process(Rival):
    def __init__(self, program, folder, cpu, commands):
        os.makedirs(folder, exist_ok=True)
        self.cli_path = os.path.join(folder, "cli")
        with open(os.path.join(folder, "commands"), "w", encoding="ascii") as file:
            file.write(commands)
        start = os.path.join(folder, "startup.conf")
        with open(start, "w", encoding="ascii") as file:
            file.write(START.format(folder=folder, cpu=cpu) + (HUGE if huge_pages() else ""))
        super().__init__([program, "-c", start], os.path.join(folder, "log"), cpu)

    def ask(self, command):
        ask = ["vppctl", "-s", self.cli_path, *command.split()]
        return subprocess.run(ask, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False).stdout

    def sent(self, port):
        found = re.search(r"tx packets +(\d+)", self.ask(f"show interface {port}"))
        return int(found.group(1)) if found else 0

    def nodes(self):
        """By name: the packets that each node had since `clear runtime`, and its cycles for one."""
        found = re.findall(r"^(\S+) .*? (\d+) +(\d+) +\d+ +(\S+) +\S+ *$", self.ask("show runtime"), re.MULTILINE)
        return {name: (int(packets), float(cycles)) for name, _, packets, cycles in found if int(packets) > 0}


def record(program, folder, cpu, sas, size):
    """A pcap file with what VPP encrypts for each SA once: its name."""
    path, recorded = os.path.join(folder, "sealed.pcap"), os.path.join(folder, "recorded.pcap")
    commands = tunnels(sas, True) + f"packet-generator capture pg1 pcap {recorded} count {sas}\n"
    commands += plain(sas, size, "-", sas) + "packet-generator enable-stream x\n"
    with Process(program, os.path.join(folder, "sealing"), cpu, commands) as vpp:
        vpp.resume()
        vpp.wait(lambda: vpp.sent("pg1") >= sas, 60)
        vpp.ask("packet-generator capture pg1 disable")
    with open(recorded, "rb") as file:
        data = file.read()
    head, at, packets = data[:24], 24, []
    while at < len(data):
        (length,) = struct.unpack_from("=I", data, at + 8)
        packets.append(turn_round(data[at : at + 16 + length]))
        at += 16 + length
    if len(packets) != sas:
        raise RuntimeError(f"of {sas} packets it recorded {len(packets)}")
    random.Random(1).shuffle(packets)
    with open(path, "wb") as file:
        file.write(head + b"".join(packets))
    return path


def turn_round(packet):
    """A packet, its record's head included, as if its receiver had sent it: the outer checksum stays as it is."""
    macs = bytes.fromhex((UPLINK_MAC + UPLINK_HOST).replace(":", ""))
    outer = 16 + 14
    addresses = packet[outer + 16 : outer + 20] + packet[outer + 12 : outer + 16]
    return packet[:16] + macs + packet[28 : outer + 12] + addresses + packet[outer + 20 :]


class Vpp(Process):
    def __init__(self, program, folder, case):
        self.case = case
        encrypt = case.direction == "encrypt"
        self.port = "pg1" if encrypt else "pg0"
        if encrypt:
            stream = plain(case.sas, case.size, "+", ENDLESS)
        else:
            path = record(program, folder, case.cpu, case.sas, case.size)
            stream = f"packet-generator new {{ name x limit {ENDLESS} maxframe {FRAME} node ethernet-input interface pg1 pcap {path} }}\n"
        super().__init__(program, folder, case.cpu, tunnels(case.sas, encrypt) + stream + "packet-generator enable-stream x\n")

    def ready(self):
        self.wait(lambda: self.sent(self.port) > 0, 60)

    def measure(self):
        """Cycles a packet from ethernet-input to interface-output, and packets a second with those of its packet generator too."""
        self.run()
        time.sleep(WARM_UP)
        windows = sorted(self.window() for _ in range(WINDOWS))
        self.pause()
        return windows[WINDOWS // 2]

    def window(self):
        self.ask("clear runtime")
        time.sleep(WINDOW)
        nodes = self.nodes()
        packets = nodes.get(f"{self.port}-tx", (0, 0))[0]
        crypto = [name for name in nodes if name.startswith(f"esp4-{self.case.direction}")]
        if packets == 0 or "error-drop" in nodes or not crypto:
            raise RuntimeError(f"it did not {self.case.direction} all: {' '.join(nodes)}")
        cycles = {name: n * each / packets for name, (n, each) in nodes.items()}
        own = cycles["pg-input"] + cycles[f"{self.port}-tx"]
        return sum(cycles.values()) - own, self.case.tsc / sum(cycles.values())
