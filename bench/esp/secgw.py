# SPDX-License-Identifier: Apache-2.0
"""DPDK's ipsec-secgw on one CPU, encrypting with one SA. Its packets come from a pcap port, which copies each."""

import os
import re
import socket
import struct

from rival import KEY, SALT, Rival

CONFIG = """sp ipv4 out esp protect 5 pri 1 dst 10.99.0.0/16 sport 0:65535 dport 0:65535
sp ipv4 in esp protect 6 pri 1 dst 10.20.0.0/16 sport 0:65535 dport 0:65535
sa out 5 aead_algo aes-128-gcm aead_key {key} mode ipv4-tunnel src 203.0.113.2 dst 198.18.0.1
sa in 6 aead_algo aes-128-gcm aead_key {key} mode ipv4-tunnel src 198.18.0.1 dst 203.0.113.2
rt ipv4 dst 198.18.0.1/32 port 0
rt ipv4 dst 10.20.0.0/16 port 1
neigh port 0 02:00:00:00:00:03
neigh port 1 02:00:00:00:00:04
"""


def frame(size):
    """UDP from the server, 10.20.0.10, to the client, 10.99.0.1; `size` bytes without Ethernet."""
    udp = struct.pack("!HHHH", 1000, 2000, size - 20, 0) + bytes(size - 28)
    head = struct.pack("!BBHHHBBH", 0x45, 0, size, 0, 0, 64, 17, 0)
    head += socket.inet_aton("10.20.0.10") + socket.inet_aton("10.99.0.1")
    total = sum(struct.unpack("!10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    head = head[:10] + struct.pack("!H", ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF) + head[12:]
    return bytes.fromhex("020000000001020000000002" "0800") + head + udp


def write_pcap(path, size):
    data = frame(size)
    with open(path, "wb") as file:
        file.write(struct.pack("=IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for _ in range(32):
            file.write(struct.pack("=IIII", 0, 0, len(data), len(data)) + data)


class Secgw(Rival):
    def __init__(self, program, folder, case):
        pcap, config, log = (os.path.join(folder, name) for name in ("in.pcap", "secgw.cfg", "secgw.log"))
        self.tsc = case.tsc
        write_pcap(pcap, case.size)
        with open(config, "w", encoding="ascii") as file:
            file.write(CONFIG.format(key=":".join(re.findall("..", KEY + SALT))))
        command = ["stdbuf", "-oL", program, "-l", str(case.cpu), "--no-huge", "-m", "512", "--no-pci", "--no-telemetry", "--no-shconf"]
        command += ["--vdev", "crypto_aesni_gcm0", "--vdev", "net_null0,no-rx=1"]
        command += ["--vdev", f"net_pcap0,rx_pcap={pcap},infinite_rx=1"]
        command += ["--", "-P", "-p", "0x3", "-u", "0x1", "-l", "-t", "1", "-f", config]
        command += ["--config", f"(0,0,{case.cpu}),(1,0,{case.cpu})"]
        super().__init__(command, log, case.cpu)

    def ready(self):
        self.sent(1)

    def sent(self, times):
        """What it says every second, how many packets it has sent, that many times."""
        first = len(self.totals())
        self.wait(lambda: len(self.totals()) >= first + times, 10 + times)
        return self.totals()[first:]

    def totals(self):
        return [int(n) for n in re.findall(r"Total packets sent: +(\d+)", self.said())]

    def measure(self):
        """Cycles a packet and packets a second."""
        self.run()
        # what it says at once is overdue
        first, last = self.sent(2)
        self.pause()
        if first == last:
            raise RuntimeError(f"it sent nothing: {self.said().strip().splitlines()[-1:]}")
        return self.tsc / (last - first), float(last - first)
