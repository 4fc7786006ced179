# SPDX-License-Identifier: Apache-2.0
"""A client of the dataplane's SEQPACKET API (dataplane/api/api.h), for tests that take
control's place as the writer. The records are api.h's, field by field."""
import array
import ctypes as c
import ipaddress
import mmap
import os
import select
import socket
import struct
import time

MAGIC, VERSION = 0x52474131, 3
WRITER, READER, EVENTS = 1, 2, 3
(HELLO, TUNNEL_ADD, TUNNEL_DEL, SA_IN_ADD, SA_IN_DEL, SA_OUT_ADD, SA_OUT_DEL, POLICY_ADD, POLICY_SET, POLICY_DEL,
 MIGRATE, SUSPEND, DUMP_TUNNELS, DUMP_SAS_IN, DUMP_SAS_OUT, DUMP_POLICIES, DUMP_COUNTERS, DUMP_PORTS,
 DUMP_WORKERS, QUERY_STATUS, OWNER) = range(1, 22)
REPLY, TUNNEL, SA_INFO, POLICY, COUNTER, PORT, WORKER, STATUS, EVENT = range(64, 73)
(EV_LOST, EV_NEW_ADDRESS, EV_NO_ANSWER, EV_SOFT_LIFETIME, EV_HARD_LIFETIME, EV_NO_SA, EV_SEQUENCE, EV_PORT, EV_PMTU,
 EV_FIRST_PACKET) = range(1, 11)
AES128, AES256 = 1, 2
ESN = 1
UDP = 1
TUNNEL_MODE, TRANSPORT_MODE = 0, 1
DF_SET, DF_COPY, DF_CLEAR = 0, 1, 2
DSCP_SET = 0x40
SELECTORS = 8
COUNTERS_MAGIC = 0x5247434e54520001


def handle(index, generation=1):
    return index << 7 | generation


class Record(c.Structure):
    _pack_ = 0

    def __repr__(self):
        return f"{type(self).__name__}({', '.join(f'{n}={getattr(self, n)!r}' for n, *_ in self._fields_)})"


class Hdr(Record):
    _fields_ = [("magic", c.c_uint32), ("version", c.c_uint16), ("type", c.c_uint16), ("count", c.c_uint32),
                ("seq", c.c_uint32)]


class Hello(Record):
    _fields_ = [("role", c.c_uint32), ("pid", c.c_uint32), ("name", c.c_char * 32)]


class Handle(Record):
    _fields_ = [("handle", c.c_uint32), ("reserved", c.c_uint32)]


class Dump(Record):
    _fields_ = [("start", c.c_uint32), ("handle", c.c_uint32)]


class Reply(Record):
    _fields_ = [("error", c.c_int32), ("index", c.c_uint32), ("quiescent", c.c_uint32), ("run", c.c_uint32),
                ("value", c.c_uint64), ("text", c.c_char * 96)]


class Path(Record):
    _fields_ = [("family", c.c_uint8), ("encap", c.c_uint8), ("mtu", c.c_uint16), ("local_port", c.c_uint16),
                ("remote_port", c.c_uint16), ("fib", c.c_uint32), ("local", c.c_uint8 * 16),
                ("remote", c.c_uint8 * 16)]


class Tunnel(Record):
    _fields_ = [("handle", c.c_uint32), ("generation", c.c_uint32), ("cookie", c.c_uint64), ("path", Path),
                ("suspended", c.c_uint32), ("mtu", c.c_uint32), ("dropped", c.c_uint64), ("packets_in", c.c_uint64),
                ("packets_out", c.c_uint64), ("bytes_in", c.c_uint64), ("bytes_out", c.c_uint64)]


class Migrate(Record):
    _fields_ = [("handle", c.c_uint32), ("generation", c.c_uint32), ("path", Path)]


class Selector(Record):
    _fields_ = [("family", c.c_uint8), ("protocol", c.c_uint8), ("reserved", c.c_uint16),
                ("port_first", c.c_uint16), ("port_last", c.c_uint16), ("first", c.c_uint8 * 16),
                ("last", c.c_uint8 * 16)]


class Lifetime(Record):
    _fields_ = [("soft_bytes", c.c_uint64), ("hard_bytes", c.c_uint64), ("soft_packets", c.c_uint64),
                ("hard_packets", c.c_uint64), ("soft_seconds", c.c_uint32), ("hard_seconds", c.c_uint32)]


class Sa(Record):
    _fields_ = [("handle", c.c_uint32), ("spi", c.c_uint32), ("tunnel", c.c_uint32), ("flags", c.c_uint32),
                ("cookie", c.c_uint64), ("suite", c.c_uint32), ("window", c.c_uint32), ("sequence", c.c_uint64),
                ("lifetime", Lifetime), ("key", c.c_uint8 * 100), ("mode", c.c_uint8), ("df", c.c_uint8),
                ("dscp", c.c_uint8), ("reserved", c.c_uint8),
                ("local", Selector * SELECTORS), ("remote", Selector * SELECTORS)]


class Policy(Record):
    _fields_ = [("handle", c.c_uint32), ("sa", c.c_uint32), ("cookie", c.c_uint64), ("fib", c.c_uint32),
                ("priority", c.c_uint32), ("family", c.c_uint8), ("prefix_len", c.c_uint8),
                ("reserved", c.c_uint8 * 6), ("prefix", c.c_uint8 * 16)]


class PolicySet(Record):
    _fields_ = [("handle", c.c_uint32), ("sa", c.c_uint32)]


class Owner(Record):
    _fields_ = [("tunnel", c.c_uint32), ("worker", c.c_uint32)]


class SaInfo(Record):
    _fields_ = [("handle", c.c_uint32), ("spi", c.c_uint32), ("tunnel", c.c_uint32), ("flags", c.c_uint32),
                ("cookie", c.c_uint64), ("suite", c.c_uint32), ("window", c.c_uint32), ("direction", c.c_uint32),
                ("owner", c.c_uint32), ("sequence", c.c_uint64), ("packets", c.c_uint64), ("bytes", c.c_uint64),
                ("replayed", c.c_uint64), ("auth_failed", c.c_uint64), ("selector_mismatch", c.c_uint64),
                ("age_ms", c.c_uint64), ("idle_ms", c.c_uint64), ("lifetime", Lifetime), ("mode", c.c_uint8),
                ("df", c.c_uint8), ("dscp", c.c_uint8), ("reserved", c.c_uint8 * 5),
                ("local", Selector * SELECTORS), ("remote", Selector * SELECTORS)]


class Counter(Record):
    _fields_ = [("name", c.c_char * 48), ("worker", c.c_uint32), ("is_drop", c.c_uint32), ("value", c.c_uint64)]


class Port(Record):
    _fields_ = [("name", c.c_char * 32), ("device", c.c_char * 64), ("mac", c.c_uint8 * 6), ("mtu", c.c_uint16),
                ("up", c.c_uint32), ("rx_packets", c.c_uint64), ("rx_bytes", c.c_uint64), ("tx_packets", c.c_uint64),
                ("tx_bytes", c.c_uint64), ("tx_full", c.c_uint64)]


class Worker(Record):
    _fields_ = [("index", c.c_uint32), ("cpu", c.c_uint32), ("polls", c.c_uint64), ("empty_polls", c.c_uint64),
                ("sleeps", c.c_uint64), ("packets", c.c_uint64), ("handed_over", c.c_uint64),
                ("received", c.c_uint64), ("ring_full", c.c_uint64), ("passed_on", c.c_uint64),
                ("sas_granted", c.c_uint64), ("tunnels", c.c_uint32), ("socket", c.c_uint32)]


class Status(Record):
    _fields_ = [("boot_id", c.c_uint64), ("uptime_ms", c.c_uint64), ("workers", c.c_uint32), ("ports", c.c_uint32),
                ("tunnels", c.c_uint32), ("sas_in", c.c_uint32), ("sas_out", c.c_uint32), ("policies", c.c_uint32),
                ("retired", c.c_uint32), ("writer_pid", c.c_uint32), ("events_lost", c.c_uint64),
                ("migrations", c.c_uint64), ("crypto", c.c_char * 48)]


class Event(Record):
    _fields_ = [("type", c.c_uint32), ("handle", c.c_uint32), ("tunnel", c.c_uint32), ("direction", c.c_uint32),
                ("cookie", c.c_uint64), ("value", c.c_uint64), ("sequence", c.c_uint64), ("seen", Path)]


RECORD = {REPLY: Reply, TUNNEL: Tunnel, SA_INFO: SaInfo, POLICY: Policy, COUNTER: Counter, PORT: Port, WORKER: Worker,
          STATUS: Status, EVENT: Event}


class CountersHdr(Record):
    _fields_ = [("magic", c.c_uint64), ("boot_id", c.c_uint64), ("capacity", c.c_uint32),
                ("record_size", c.c_uint32), ("check", c.c_uint64), ("reserved", c.c_uint64 * 4)]


class CountersSa(Record):
    _fields_ = [("spi", c.c_uint32), ("handle", c.c_uint32), ("check", c.c_uint32),
                ("selector_mismatch", c.c_uint32), ("sequence", c.c_uint64), ("packets", c.c_uint64),
                ("bytes", c.c_uint64), ("last_ms", c.c_uint64), ("replayed", c.c_uint64), ("auth_failed", c.c_uint64)]


class Refused(Exception):
    def __init__(self, reply):
        self.error, self.index, self.text = -reply.error, reply.index, reply.text.decode()
        super().__init__(f"{os.strerror(self.error)}, record {self.index}: {self.text}")


def packed(address):
    """An address as the API's 16 bytes."""
    raw = ipaddress.ip_address(address).packed
    return (c.c_uint8 * 16)(*raw)


def unpacked(family, raw):
    raw = bytes(raw)
    return str(ipaddress.ip_address(raw[:4] if family == 4 else raw))


def path(local, remote, ports=None, mtu=0):
    """`ports`: (local, remote) for ESP in UDP."""
    p = Path(family=ipaddress.ip_address(local).version, mtu=mtu, local=packed(local), remote=packed(remote))
    if ports:
        p.encap, p.local_port, p.remote_port = UDP, socket.htons(ports[0]), socket.htons(ports[1])
    return p


def selectors(*networks):
    """Networks, or (network, protocol, first port, last port)."""
    out = (Selector * SELECTORS)()
    for i, n in enumerate(networks):
        n, protocol, first, last = n if isinstance(n, tuple) else (n, 0, 0, 65535)
        n = ipaddress.ip_network(n)
        out[i] = Selector(family=n.version, protocol=protocol, port_first=first, port_last=last,
                          first=packed(n[0]), last=packed(n[-1]))
    return out


def sa(number, spi, tunnel, key, local, remote, esn=False, window=64, sequence=0, lifetime=None, mode=0, df=0,
       dscp=None, suite=None):
    """`spi`: a number; `key`: key and salt, 20 or 36 bytes without a `suite`'s number; `dscp`: None copies it."""
    s = Sa(handle=number, spi=socket.htonl(spi), tunnel=tunnel, flags=ESN if esn else 0, cookie=number,
           suite=suite or (AES128 if len(key) == 20 else AES256), window=window, sequence=sequence, local=local, remote=remote,
           mode=mode, df=df, dscp=0 if dscp is None else DSCP_SET | dscp)
    s.key[:len(key)] = key
    if lifetime:
        s.lifetime = lifetime
    return s


def policy(number, sa_out, prefix, priority=0):
    n = ipaddress.ip_network(prefix)
    return Policy(handle=number, sa=sa_out, cookie=number, priority=priority, family=n.version,
                  prefix_len=n.prefixlen, prefix=packed(n.network_address))


class Client:
    """One connection. Calls wait for their reply and raise Refused."""

    def __init__(self, where, role=WRITER, timeout=5):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(timeout)
        self.socket.connect(where)
        self.seq, self.counters = 0, None
        self.events = []
        reply = self.call(HELLO, [Hello(role=role, pid=os.getpid(), name=b"test")])
        self.boot_id = reply.value

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _receive(self):
        fds = array.array("i")
        data, ancillary, _flags, _address = self.socket.recvmsg(512 * 1024, socket.CMSG_SPACE(4))
        for level, kind, body in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds.frombytes(body[:4])
                self.counters = mmap.mmap(fds[0], 0, prot=mmap.PROT_READ)
                os.close(fds[0])
        if not data:
            raise ConnectionError("the dataplane closed the connection")
        h = Hdr.from_buffer_copy(data)
        assert h.magic == MAGIC and h.version == VERSION, h
        kind = RECORD[h.type]
        size = c.sizeof(kind)
        assert len(data) == c.sizeof(Hdr) + h.count * size, (h, len(data))
        at = c.sizeof(Hdr)
        return h, [kind.from_buffer_copy(data, at + i * size) for i in range(h.count)]

    def send(self, kind, records):
        self.seq += 1
        h = Hdr(magic=MAGIC, version=VERSION, type=kind, count=len(records), seq=self.seq)
        self.socket.send(bytes(h) + b"".join(bytes(r) for r in records))
        return self.seq

    def exchange(self, kind, records):
        """(reply, records that came before it)."""
        seq, found = self.send(kind, records), []
        while True:
            h, got = self._receive()
            if h.type == EVENT:
                self.events += got
            elif h.seq != seq:
                continue
            elif h.type != REPLY:
                found += got
            else:
                if got[0].error:
                    raise Refused(got[0])
                return got[0], found

    def call(self, kind, records):
        return self.exchange(kind, records)[0]

    def dump(self, kind, handle=0):
        return self.exchange(kind, [Dump(handle=handle)])[1]

    # ---- what tests want to know

    def status(self):
        return self.dump(QUERY_STATUS)[0]

    def counter_values(self):
        """{name: sum over workers and the rest}."""
        out = {}
        for r in self.dump(DUMP_COUNTERS):
            name = r.name.decode()
            out[name] = out.get(name, 0) + r.value
        return out

    def drops(self):
        out = {}
        for r in self.dump(DUMP_COUNTERS):
            if r.is_drop and r.value:
                name = r.name.decode()
                out[name] = out.get(name, 0) + r.value
        return out

    def sa_info(self, direction, number):
        found = self.dump(DUMP_SAS_IN if direction == "in" else DUMP_SAS_OUT, number)
        return found[0] if found else None

    def record(self, direction, number):
        """An SA's record in the counters memfd, which may be behind what sa_info() says."""
        hdr = CountersHdr.from_buffer_copy(self.counters)
        assert hdr.magic == COUNTERS_MAGIC
        index = (number >> 7) + (hdr.capacity if direction == "out" else 0)
        return CountersSa.from_buffer_copy(self.counters, c.sizeof(CountersHdr) + index * hdr.record_size)

    def wait_event(self, kind, timeout=5, match=lambda e: True):
        """The first event of a type, kept or new; others are kept."""
        deadline = time.monotonic() + timeout
        while True:
            for i, e in enumerate(self.events):
                if e.type == kind and match(e):
                    return self.events.pop(i)
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                raise TimeoutError(f"no event {kind}; others: {self.events}")
            h, got = self._receive()
            if h.type == EVENT:
                self.events += got

    def drain_events(self):
        while select.select([self.socket], [], [], 0)[0]:
            h, got = self._receive()
            if h.type == EVENT:
                self.events += got
        found, self.events = self.events, []
        return found
