/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What roamctl and roamgate-control say to each other: JSON lines over a UNIX
 * SOCK_STREAM socket (mode 0600, SO_PEERCRED: own uid or 0). The client sends
 * one request object in a line, the server answers with one object in a line:
 *
 *   {"command":"clients"}
 *   {"ok":true,"clients":[...]}            or {"ok":false,"error":"TEXT"}
 *
 * clients, sas, paths and events are answered in pages, so that a hundred thousand sessions are in nobody's
 * way: a reply with "next":N is not all, and the same request with "from":N gets what follows. Sessions come
 * in an order that they keep for life, so none that is there all the time is missed or repeated.
 *
 * A client that is named by its identity is found by an index; one whose identity is no text of a
 * configuration (a key id) is searched for in pages, too: {"ok":true,"next":N} alone says that it was not on
 * this one, and nothing was done.
 *
 * {"command":"events","follow":true} is answered with the recent events and, after the last page of them,
 * one line {"event":{...}} for each new one until the client closes; a
 * client that does not read is closed. Other commands end with the reply, and a connection
 * serves any number of them. Unknown keys are ignored by both sides, absent ones shown as "-".
 *
 * The objects, with the keys that roamctl shows (docs/operations.md says what they mean):
 *
 * status: {"ok":true,"status":{
 *     "version":"0.1.0", "pid":1, "uptime_s":1, "config":"FILE", "identity":"gw.example.net",
 *     "dataplane":{"connected":true, "socket":"PATH", "boot_id":"16 hex digits", "restarts":0},
 *     "sessions":{"established":1, "half_open":0, "orphans":0}, "child_sas":1,
 *     "notes":["checkpoints of sessions are not in this version: ..."],
 *     "uplinks":[{"name":"isp1", "up":true, "preference":10, "addresses":["192.0.2.1"], "clients":1}],
 *     "pools":[{"name":"road", "family":4, "used":1, "reserved":0, "size":65534}],
 *     "initiate":[{"connection":"hq", "state":"down" | "waiting" | "trying" | "up", "client":0,
 *         "failed_rounds":1, "next_s":9, "reason":"192.0.2.1:500: no answer in time"}]}}
 * clients: {"ok":true,"clients":[{
 *     "id":1, "identity":"carol@example.net", "connection":"roam", "rule":"branches" (if one of its `peers`
 *     applies), "state":"established",
 *     "virtual":["10.99.0.1"], "local":"192.0.2.1:4500", "remote":"[2001:db8::7]:4500", "uplink":"isp1",
 *     "encap":"udp" or "none", "nat":true, "mobike":true, "moves":0, "orphan":false,
 *     "established_s":1, "idle_s":1}]}
 * sas (with "of":"ike" or "of":"child" one kind alone): {"ok":true,
 *     "ike":[{"client":1, "identity":"...", "spi_i":"16 hex digits", "spi_r":"...", "state":"established",
 *         "suite":"aes128gcm16-prfsha256-x25519", "role":"responder", "age_s":1, "rekey_s":1}],
 *     "child":[{"client":1, "identity":"...", "spi_in":"8 hex digits", "spi_out":"...", "state":"installed",
 *         "suite":"aes128gcm16-esn", "local_ts":["10.20.0.0/24"], "remote_ts":["10.99.0.1/32"],
 *         "tunnel":1, "age_s":1, "rekey_s":1}]}
 * paths: {"ok":true,"paths":[{
 *     "client":1, "identity":"...", "local":"192.0.2.1:4500", "remote":"198.51.100.9:4500", "uplink":"isp1",
 *     "encap":"udp", "state":"current" | "verifying" | "candidate" | "failed", "generation":1, "since_s":1}]}
 * explain ({"command":"explain","client":1 or "IDENTITY"}): {"ok":true,"client":{as in clients},
 *     "forgotten":0, "story":[{"ms":1, "ago_s":1, "what":"moved", "text":"..."}]}; "what" is one of
 * journal.h, "ms" is CLOCK_MONOTONIC, "forgotten" counts entries that gave way to newer ones counters:
 * {"ok":true,"counters":[{"name":"ike-malformed", "value":0, "drop":true}]} rekey
 * ({"command":"rekey","sa":"ike" | "child","client":1 or "IDENTITY"}), terminate
 * ({"command":"terminate", "client":...}, which may name a connection that the gateway begins), initiate
 * ({"command":"initiate", "connection":"NAME"}): {"ok":true} once it has begun. events:
 * {"ok":true,"events":[{"time":"2026-01-31T12:00:00.123Z", "ms":1, "type":"moved", "client":1,
 *     "identity":"...", "text":"198.51.100.9:4500 -> 203.0.113.4:4500"}]}; "ms" is CLOCK_MONOTONIC
 */
#ifndef RG_CONTROL_CTL_PROTOCOL_H
#define RG_CONTROL_CTL_PROTOCOL_H

#define RG_CTL_REQUEST_MAX 4096 /* bytes of a request with its newline */
#define RG_CTL_PAGE        128u /* sessions or events of a page; a few more where they belong together */
#define RG_CTL_REPLY_MAX   (64u * 1024 * 1024) /* bytes of a reply that roamctl reads */

/* X(name, what it shows): the commands of control. */
#define RG_CTL_COMMANDS(X)                                                                                   \
	X(status, "the daemon, its dataplane, uplinks and pools")                                            \
	X(clients, "who is connected, from where, with which addresses")                                     \
	X(sas, "IKE SAs and Child SAs")                                                                      \
	X(paths, "the paths of every client and their state")                                                \
	X(counters, "what control received, refused and dropped, by cause")                                  \
	X(events, "what happened last; -f goes on as it happens")

/* Exit codes of roamctl. */
enum rg_ctl_exit {
	RG_CTL_OK = 0,
	RG_CTL_ERROR = 1,
	RG_CTL_USAGE = 2,
	RG_CTL_ABSENT = 3, /* the daemon is not there */
};

#endif
