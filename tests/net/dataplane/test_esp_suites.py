# SPDX-License-Identifier: Apache-2.0
"""Every ESP suite through the real process: against scapy where it has the suite, and against RFC 4303
written out in Python with extended sequence numbers and without."""
import os

import pytest

from suites import SCAPY_CIPHERS, Scapy, Written, table
from world import HOST, IP, UDP, Raw, bare, ip

SUITES = table()
CASES = [pytest.param(suite, Scapy, False, id=f"{suite.name}-scapy") for suite in SUITES if suite.encr in SCAPY_CIPHERS]
CASES += [pytest.param(suite, Written, esn, id=f"{suite.name}-{'esn' if esn else 'short'}")
          for suite in SUITES for esn in (False, True)]
SIZES = (*range(0, 18), 700, 1300)


@pytest.mark.parametrize("suite, oracle, esn", CASES)
def test_both_directions(world, session, suite, oracle, esn):
    # the high half of the number is not zero
    start = (5 << 32 | 7) if esn else 0
    s = session(suite=suite, oracle=oracle, esn=esn, sequence_in=start, sequence_out=start)
    for n, size in enumerate(SIZES, 1):
        tag = os.urandom(8)
        packet = bare(ip(s.virtual, HOST[4]) / UDP(sport=1000, dport=2000) / Raw(tag + bytes(size)))
        s.send(packet)
        clear = world.to_lan(tag)[IP]
        packet.ttl -= 1
        del packet.chksum
        assert bytes(clear)[:len(packet)] == bytes(bare(packet))
        answer = bare(ip(HOST[4], s.virtual) / UDP(sport=2000, dport=1000) / Raw(tag + bytes(size)))
        world.from_host(answer)
        _outer, seq, iv, opened = s.receive(esn_high=start >> 32)
        answer.ttl -= 1
        del answer.chksum
        assert bytes(opened) == bytes(bare(answer))
        assert seq == (start + n) & 0xffffffff
        if suite.iv == 8:
            assert int.from_bytes(iv, "big") == start + n


def test_ivs_of_cbc_tell_nothing(world, session):
    """RFC 3602 3: none repeats, and none differs from its neighbour in a few bits only."""
    suite = next(s for s in SUITES if s.name == "aes128-sha256")
    s, seen = session(suite=suite, oracle=Written), []
    for _ in range(32):
        world.from_host(ip(HOST[4], s.virtual) / UDP(sport=1, dport=2) / Raw(b"the same"))
        seen.append(int.from_bytes(s.receive()[2], "big"))
    assert len(set(seen)) == 32
    assert all(bin(a ^ b).count("1") > 20 for a, b in zip(seen, seen[1:]))
