#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs DPDK's ipsec-secgw and VPP, where they are on the PATH, as our encrypting case with one SA:
rivals.py CPU TSC_HZ SECONDS SIZE...

Writes one JSON array to stdout: {"name", "size", "mpps", "cycles"}, or {"name", "text"} if there is
no figure. Both make their own packets on the CPU that encrypts, and that counts: ipsec-secgw
copies each one from a pcap port (some 30 cycles at 64 B, 120 at 1400 B), VPP has its packet generator.
Either way they leave through a port that throws them away.
"""

import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

KEY = "00112233445566778899aabbccddeeff"
SALT = "a0a1a2a3"


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


SECGW = """sp ipv4 out esp protect 5 pri 1 dst 10.99.0.0/16 sport 0:65535 dport 0:65535
sp ipv4 in esp protect 6 pri 1 dst 10.20.0.0/16 sport 0:65535 dport 0:65535
sa out 5 aead_algo aes-128-gcm aead_key {key} mode ipv4-tunnel src 203.0.113.2 dst 198.18.0.1
sa in 6 aead_algo aes-128-gcm aead_key {key} mode ipv4-tunnel src 198.18.0.1 dst 203.0.113.2
rt ipv4 dst 198.18.0.1/32 port 0
rt ipv4 dst 10.20.0.0/16 port 1
neigh port 0 02:00:00:00:00:03
neigh port 1 02:00:00:00:00:04
"""


def end(process):
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def secgw(program, folder, cpu, seconds, size):
    """Packets a second. It prints how many it has sent so far, every second."""
    pcap, config, log = (os.path.join(folder, name) for name in ("in.pcap", "secgw.cfg", "secgw.log"))
    write_pcap(pcap, size)
    key = ":".join(re.findall("..", KEY + SALT))
    with open(config, "w", encoding="ascii") as file:
        file.write(SECGW.format(key=key))
    command = ["stdbuf", "-oL", program, "-l", str(cpu), "--no-huge", "-m", "512", "--no-pci", "--no-telemetry", "--no-shconf"]
    command += ["--vdev", "crypto_aesni_gcm0", "--vdev", "net_null0,no-rx=1"]
    command += ["--vdev", f"net_pcap0,rx_pcap={pcap},infinite_rx=1"]
    command += ["--", "-P", "-p", "0x3", "-u", "0x1", "-l", "-t", "1", "-f", config]
    command += ["--config", f"(0,0,{cpu}),(1,0,{cpu})"]
    with open(log, "wb") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    end_at = time.monotonic() + seconds + 10
    sent = []
    while time.monotonic() < end_at and process.poll() is None and len(sent) < seconds + 2:
        time.sleep(0.2)
        with open(log, encoding="utf-8", errors="replace") as file:
            text = file.read()
        sent = [int(n) for n in re.findall(r"Total packets sent: +(\d+)", text)]
    end(process)
    # the first second has the start in it
    if len(sent) < 3 or sent[-1] == sent[1]:
        raise RuntimeError(f"it sent nothing: {text.strip().splitlines()[-1:]}")
    return (sent[-1] - sent[1]) / (len(sent) - 2)


VPP_START = """unix {{ nodaemon nosyslog cli-listen {folder}/cli runtime-dir {folder} startup-config {folder}/commands }}
cpu {{ main-core {cpu} }}
api-segment {{ prefix roamgate-bench }}
plugins {{ plugin dpdk_plugin.so {{ disable }} }}
"""

VPP_COMMANDS = """create packet-generator interface pg0
create packet-generator interface pg1
set interface state pg0 up
set interface state pg1 up
set interface ip address pg0 10.20.0.1/16
set interface ip address pg1 203.0.113.2/24
set ip neighbor pg1 203.0.113.254 02:00:00:00:00:03
ip route add 198.18.0.0/16 via 203.0.113.254 pg1
ip route add 10.99.0.0/16 via 203.0.113.254 pg1
ipsec sa add 10 spi 1000 esp crypto-key {key} crypto-alg aes-gcm-128 salt 0x{salt} tunnel src 203.0.113.2 dst 198.18.0.1
ipsec spd add 1
set interface ipsec spd pg1 1
ipsec policy add spd 1 outbound priority 100 action protect sa 10 local-ip-range 10.20.0.0 - 10.20.255.255 remote-ip-range 10.99.0.0 - 10.99.255.255
packet-generator new {{ name x limit -1 size {frame}-{frame} node ip4-input interface pg0 data {{ UDP: 10.20.0.10 -> 10.99.0.1 UDP: 1000 -> 2000 length {udp} incrementing 8 }} }}
packet-generator enable-stream x
"""


def vpp(program, folder, cpu, seconds, size):
    """Packets a second, from the counter of the interface that they leave by."""
    with open(os.path.join(folder, "commands"), "w", encoding="ascii") as file:
        file.write(VPP_COMMANDS.format(key=KEY, salt=SALT, frame=size, udp=size - 20))
    start = os.path.join(folder, "startup.conf")
    with open(start, "w", encoding="ascii") as file:
        file.write(VPP_START.format(folder=folder, cpu=cpu))
    with open(os.path.join(folder, "vpp.log"), "wb") as out:
        process = subprocess.Popen([program, "-c", start], stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    def sent():
        ask = ["vppctl", "-s", os.path.join(folder, "cli"), "show", "interface", "pg1"]
        text = subprocess.run(ask, capture_output=True, text=True, timeout=10, check=False).stdout
        found = re.search(r"tx packets +(\d+)", text)
        return int(found.group(1)) if found else 0

    try:
        end_at = time.monotonic() + 15
        while sent() == 0 and time.monotonic() < end_at and process.poll() is None:
            time.sleep(0.5)
        first, begin = sent(), time.monotonic()
        time.sleep(seconds)
        rate = (sent() - first) / (time.monotonic() - begin)
    finally:
        end(process)
    if rate == 0:
        raise RuntimeError("it sent nothing")
    return rate


RIVALS = (
    ("ipsec-secgw", ("dpdk-ipsec-secgw", "ipsec-secgw"), secgw),
    ("vpp", ("vpp",), vpp),
)


def main():
    cpu, tsc, seconds = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    results = []
    for name, programs, run in RIVALS:
        program = next(filter(None, map(shutil.which, programs)), None)
        if program is None:
            results.append({"name": name, "text": f"not beside us: no {' or '.join(programs)} on the PATH"})
            continue
        for size in map(int, sys.argv[4:]):
            with tempfile.TemporaryDirectory(prefix="bench-esp-") as folder:
                try:
                    rate = run(program, folder, cpu, seconds, size)
                except (OSError, RuntimeError, subprocess.SubprocessError) as error:
                    results.append({"name": name, "text": f"{program}, {size} B: no figure: {error}"})
                    continue
            results.append({"name": name, "size": size, "mpps": rate / 1e6, "cycles": tsc / rate})
    json.dump(results, sys.stdout)


main()
