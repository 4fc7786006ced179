# SPDX-License-Identifier: Apache-2.0
"""ESP through the real process, with scapy as the other end and as the oracle:
{4in4, 4in6, 6in4, 6in6} x {raw, UDP} x {AES-128, AES-256} x {ESN, 32 bits}."""
import itertools
import os

import pytest

from world import HOST, IP, IPv6, UDP, Raw, bare, ip

CASES = [pytest.param(*case, id="{1}in{0}-{2}-{3}-{4}".format(case[0], case[1], "udp" if case[2] else "raw", case[3],
                                                              "esn" if case[4] else "short"))
         for case in itertools.product((4, 6), (4, 6), (False, True), (128, 256), (False, True))]


@pytest.mark.parametrize("outer, inner, udp, bits, esn", CASES)
def test_both_directions(world, session, outer, inner, udp, bits, esn):
    s = session(outer=outer, inner=inner, udp=udp, bits=bits, esn=esn)
    for size in (0, 1, 2, 3, 64, 700, 1300):
        tag = os.urandom(8)
        packet = bare(ip(s.virtual, HOST[inner]) / UDP(sport=1000, dport=2000) / Raw(tag + bytes(size)))
        s.send(packet)
        seen = world.to_lan(tag)
        clear = seen[IP if inner == 4 else IPv6]
        # one hop less, nothing else
        if inner == 4:
            packet.ttl -= 1
            del packet.chksum
        else:
            packet.hlim -= 1
        assert bytes(clear)[:len(packet)] == bytes(bare(packet))
        assert seen.src == world.mac["lan"] and seen.dst == world.lan.mac

        answer = bare(ip(HOST[inner], s.virtual) / UDP(sport=2000, dport=1000) / Raw(tag + bytes(size)))
        world.from_host(answer)
        out, seq, iv, opened = s.receive()
        if inner == 4:
            answer.ttl -= 1
            del answer.chksum
        else:
            answer.hlim -= 1
        assert bytes(opened) == bytes(bare(answer))
        assert seq == int.from_bytes(iv, "big")
        check_outer(out, s, udp)


def check_outer(out, s, udp):
    raw = bytes(out)
    if s.outer == 4:
        assert out.flags == "DF" and bytes(bare_with_checksum(out)) == raw
    if udp:
        assert (out[UDP].sport, out[UDP].dport) == s.ports
        if s.outer == 4:
            assert out[UDP].chksum == 0  # RFC 3948 2.1
        else:
            told = out[UDP].chksum
            again = out.copy()
            del again[UDP].chksum
            assert told != 0 and IPv6(bytes(again))[UDP].chksum == told


def bare_with_checksum(out):
    again = out.copy()
    del again.chksum
    return again


def test_sequence_rises_by_one(world, session):
    s = session()
    for n in range(1, 20):
        world.from_host(ip(HOST[4], s.virtual) / UDP(sport=1, dport=2) / Raw(b"x"))
        assert s.receive()[1] == n
    assert world.api.sa_info("out", s.handle).sequence == 19
