# SPDX-License-Identifier: Apache-2.0
"""The ESP suites of dataplane/api/suites.h for tests without IKE, and two peers that have them:
scapy, and one written out here over the `cryptography` package for what scapy lacks (AES-GMAC,
extended sequence numbers with HMAC)."""
import os
import re
import struct
from collections import namedtuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from lab import REPO
from scapy.layers.ipsec import ESP, SecurityAssociation
from world import IP, IPv6, Raw, bare, ip

Suite = namedtuple("Suite", "name number encr key salt iv block integ integ_key icv")
LINE = re.compile(r'^\s*X\((\w+), (\d+), "([\w-]+)", (\w+), (\d+), (\d+), (\d+), (\d+), (\w+), (\d+), (\d+)\)', re.M)
HASHES = {"HMAC_SHA1_96": hashes.SHA1, "HMAC_SHA2_256_128": hashes.SHA256, "HMAC_SHA2_384_192": hashes.SHA384,
          "HMAC_SHA2_512_256": hashes.SHA512}
SCAPY_INTEGRITY = {"HMAC_SHA1_96": "HMAC-SHA1-96", "HMAC_SHA2_256_128": "SHA2-256-128",
                   "HMAC_SHA2_384_192": "SHA2-384-192", "HMAC_SHA2_512_256": "SHA2-512-256"}
SCAPY_CIPHERS = {"NULL": "NULL", "AES_CBC": "AES-CBC", "AES_CTR": "AES-CTR", "CHACHA20_POLY1305": "CHACHA20-POLY1305",
                 "AES_GCM_16": "AES-GCM"}  # short ICVs it cannot make


class Known(Suite):
    @property
    def octets(self):
        return self.key + self.salt + self.integ_key

    def cut(self, material):
        """Cipher key, salt, integrity key."""
        return material[:self.key], material[self.key:self.key + self.salt], material[self.key + self.salt:]


def table():
    with open(os.path.join(REPO, "dataplane/api/suites.h")) as f:
        found = [Known(m[3], int(m[2]), m[4], int(m[5]), int(m[6]), int(m[7]), int(m[8]), m[9], int(m[10]), int(m[11]))
                 for m in LINE.finditer(f.read())]
    assert len(found) == 41, len(found)
    return found


class Scapy:
    def __init__(self, suite, spi, material, esn=False):
        key, salt, integrity = suite.cut(material)
        self.suite, self.spi, self.seq = suite, spi, 0
        self.sa = SecurityAssociation(
            ESP, spi=spi, crypt_algo=SCAPY_CIPHERS[suite.encr], crypt_key=key + salt,
            auth_algo=SCAPY_INTEGRITY.get(suite.integ), auth_key=integrity or None)

    def seal(self, inner, seq=None):
        self.seq = self.seq + 1 if seq is None else seq
        self.sa.tunnel_header = ip("192.0.2.1", "192.0.2.2")
        self.sa.seq_num = self.seq
        return bytes(self.sa.encrypt(bare(inner), seq_num=self.seq, iv=os.urandom(self.suite.iv))[ESP])

    def open(self, esp, _esn_high=0):
        packet = IP(bytes(IP(src="192.0.2.1", dst="192.0.2.2", proto=50) / Raw(esp)))
        self.sa.tunnel_header = IP()
        return int.from_bytes(esp[4:8], "big"), esp[8:8 + self.suite.iv], self.sa.decrypt(packet)


class Written:
    """RFC 4303 by hand, for every suite, with extended sequence numbers or without."""

    def __init__(self, suite, spi, material, esn=False):
        self.suite, self.spi, self.esn, self.seq = suite, spi, esn, 0
        self.key, self.salt, self.integrity = suite.cut(material)

    def seal(self, inner, seq=None):
        s, data = self.suite, bytes(bare(inner))
        self.seq = self.seq + 1 if seq is None else seq
        pad = -(len(data) + 2) % s.block
        text = data + bytes(range(1, pad + 1)) + bytes((pad, 4 if data[0] >> 4 == 4 else 41))
        head = struct.pack("!II", self.spi, self.seq & 0xffffffff) + os.urandom(s.iv)
        text = self._cipher(head, text, True)
        return head + text + self._icv(head, text, self.seq >> 32)

    def open(self, esp, esn_high=0):
        s = self.suite
        head, text, icv = esp[:8 + s.iv], esp[8 + s.iv:-s.icv], esp[-s.icv:]
        if self._icv(head, text, esn_high) != icv:
            raise InvalidTag("wrong ICV")
        assert len(text) % s.block == 0
        clear = self._cipher(head, text, False)
        pad, next_header = clear[-2:]
        assert clear[-2 - pad:-2] == bytes(range(1, pad + 1)) and pad < s.block
        inner = (IP if next_header == 4 else IPv6)(clear[:-2 - pad])
        return int.from_bytes(esp[4:8], "big"), head[8:], inner

    def _cipher(self, head, text, seal):
        s, iv = self.suite, head[8:]
        if s.encr in ("NULL", "NULL_AES_GMAC"):
            return text
        if s.encr == "AES_CBC":
            mode = modes.CBC(iv)
        elif s.encr == "CHACHA20_POLY1305":  # the stream behind the block that makes the Poly1305 key (RFC 8439 2.8)
            nonce = struct.pack("<I", 1) + self.salt + iv
            return Cipher(algorithms.ChaCha20(self.key, nonce), None).encryptor().update(text)
        else:  # AES-GCM is AES-CTR that begins with 2 (NIST SP 800-38D 7.1)
            mode = modes.CTR(self.salt + iv + struct.pack("!I", 1 if s.encr == "AES_CTR" else 2))
        cipher = Cipher(algorithms.AES(self.key), mode)
        work = cipher.encryptor() if seal else cipher.decryptor()
        return work.update(text) + work.finalize()

    def _icv(self, head, text, high):
        s = self.suite
        if s.integ != "NONE":
            mac = hmac.HMAC(self.integrity, HASHES[s.integ]())
            mac.update(head + text + (struct.pack("!I", high) if self.esn else b""))
            return mac.finalize()[:s.icv]
        aad = head[:4] + (struct.pack("!I", high) if self.esn else b"") + head[4:8]
        nonce = self.salt + head[8:]
        if s.encr == "CHACHA20_POLY1305":
            return ChaCha20Poly1305(self.key).encrypt(nonce, self._cipher(head, text, False), aad)[-16:]
        work = Cipher(algorithms.AES(self.key), modes.GCM(nonce)).encryptor()
        if s.encr == "NULL_AES_GMAC":  # RFC 4543 3.3
            work.authenticate_additional_data(aad + head[8:] + text)
        else:
            work.authenticate_additional_data(aad)
            work.update(self._cipher(head, text, False))
        work.finalize()
        return work.tag[:s.icv]
