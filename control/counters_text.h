/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What control's counters mean, for docs/counters-control.md (counters_doc.c). Every counter has a line here:
 * the page cannot be made without. X("name", "what happened", "what an operator does"); "" : nothing.
 */
#ifndef RG_CONTROL_COUNTERS_TEXT_H
#define RG_CONTROL_COUNTERS_TEXT_H

#define COUNTERS_TEXT_IKE(X)                                                                                 \
	X("ike-received", "datagrams that came to the IKE sockets", "")                                      \
	X("ike-sent", "datagrams that left", "")                                                             \
	X("ike-retransmitted", "requests of ours that were sent again for lack of an answer",                \
	  "if it rises with `ike-gave-up`, look at the path to those peers")                                 \
	X("ike-answered-again", "requests that came again and got the same answer", "")                      \
	X("ike-drop-spi-zero", "an IKE SPI of 0 where there must be one (RFC 7296 3.1)", "")                 \
	X("ike-drop-spi-unknown", "no IKE SA has this SPI",                                                  \
	  "expected after a restart of control, until clients notice; else somebody guesses")                \
	X("ike-drop-spi-mismatch", "our SPI with another one of the peer's than the IKE SA has",             \
	  "forged, unless a client is broken")                                                               \
	X("ike-drop-reflected", "our own datagram came back to us", "look for a loop or a reflector")        \
	X("ike-drop-message-id", "a message ID outside the window (RFC 7296 2.3)", "")                       \
	X("ike-invalid-message-id-sent", "peers that were told so (INVALID_MESSAGE_ID, RFC 7296 2.3)", "")   \
	X("ike-invalid-message-id-received", "peers that told us so",                                        \
	  "`roamctl explain CLIENT`: the two ends may have lost each other")                                 \
	X("ike-drop-retransmission-differs", "a request that came again was not the same one (H38)",         \
	  "a broken peer, if it goes on")                                                                    \
	X("ike-drop-retransmission-burst",                                                                   \
	  "copies of an answered request, more than are answered at a time", "")                             \
	X("ike-drop-in-progress", "copies of a request that is at work", "")                                 \
	X("ike-drop-queue-full", "an IKE SA that waits for a thread or the dataplane had too many more",     \
	  "a peer that floods, or `control.threads` are too few")                                            \
	X("ike-drop-unexpected", "a message that the state of its IKE SA does not allow", "")                \
	X("ike-drop-unprotected", "a message in clear where only protected ones are believed", "")           \
	X("ike-drop-no-keys", "a protected message for an IKE SA that has no keys yet", "")                  \
	X("ike-drop-fragment-expired", "a message whose fragments did not all come in time (RFC 7383)",      \
	  "loss on the path, or a peer whose fragments are too large for it")                                \
	X("ike-drop-payload-illegal", "payloads that the exchange does not allow or lacks", "")              \
	X("ike-invalid-syntax", "answered INVALID_SYNTAX", "the log names the client")                       \
	X("ike-cookie-required", "IKE_SA_INIT answered with a cookie (RFC 7296 2.6)",                        \
	  "expected under a flood; `control.cookie-threshold`")                                              \
	X("ike-drop-cookie", "a cookie that is wrong or too old", "forged, as a rule")                       \
	X("ike-drop-half-open-quota", "one network has as many half-open IKE SAs as it may",                 \
	  "a flood from there, or very many clients behind one NAT")                                         \
	X("ike-drop-busy", "more key exchanges waited for a thread than may",                                \
	  "more `control.threads`, if it is no flood")                                                       \
	X("ike-drop-leaving", "a peer began while the gateway stopped",                                      \
	  "it asks again until the next one is up")                                                          \
	X("ike-half-open-evicted", "the oldest half-open IKE SA gave way to a new one", "a flood")           \
	X("ike-half-open-expired", "a peer began and did not authenticate in time", "")                      \
	X("ike-drop-no-memory", "no memory for an IKE SA or its message", "give the process more")           \
	X("ike-authentication-failed", "refused with AUTHENTICATION_FAILED",                                 \
	  "`roamctl events` says whom and why; the cause is one of `auth-...`")                              \
	X("ike-eap-failed", "EAP proofs that were wrong", "wrong passwords, or somebody tries them")         \
	X("ike-eap-broken", "peers that broke EAP's protocol", "")                                           \
	X("ike-denied-by-rule", "a rule of `peers` denies the identity", "what the rule is for")             \
	X("ike-too-many-sessions", "an identity had as many sessions as it may", "`max-sessions`")           \
	X("ike-selector-of-another", "a network that a peer of another identity speaks for",                 \
	  "two sites with one network: rules in `peers` say whose it is")                                    \
	X("ike-ts-unacceptable", "no Child SA: nothing that the peer asked for is its own to have",          \
	  "compare `selectors` and `pool` at both ends")                                                     \
	X("ike-transport-not-its-address",                                                                   \
	  "transport mode asked for with another address than that of the IKE SA",                           \
	  "tunnel mode for that address at the peer")                                                        \
	X("ike-virtual-address-refused",                                                                     \
	  "addresses for this gateway that its peer gave and that it cannot use: nobody's, or its own "      \
	  "net's",                                                                                           \
	  "the log says which; compare the peer's pool with uplinks, networks and pools")                    \
	X("ike-internal-address-failure", "no virtual address was left", "larger `pools`")                   \
	X("ike-temporary-failure", "answered TEMPORARY_FAILURE: another exchange was in the way (2.25)", "") \
	X("ike-no-additional-sas", "answered NO_ADDITIONAL_SAS", "`max-children`, if the client is right")   \
	X("ike-child-sa-not-found", "a Child SA to be rekeyed was not there any more (2.25)", "")            \
	X("ike-child-refused",                                                                               \
	  "Child SAs beside others that a peer refused for good (NO_PROPOSAL_CHOSEN, say): asked for again", \
	  "the event `child-refused` says which and why; compare `children` with the peer's")                \
	X("ike-notify-ignored", "notifications of types that mean nothing to us", "")                        \
	X("ike-illegal-state-moves", "a state that may not follow the one before was refused",               \
	  "a bug: please report it with the log")                                                            \
	X("ike-dataplane-refused", "batches that the dataplane did not take", "the log says which and why")  \
	X("ike-answer-not-acceptable", "answers of a responder that fit no request of ours",                 \
	  "the log says what; compare the proposals and selectors of both ends")                             \
	X("ike-gave-up", "requests that nobody answered in `lifetimes.unanswered`",                          \
	  "clients that are gone; many at once: an uplink that does not carry")                              \
	X("ike-unprotected-hints", "unprotected errors and ICMP that made us ask a peer whether it lives",   \
	  "")                                                                                                \
	X("ike-liveness-checks", "empty requests that asked so (`lifetimes.dpd`)", "")                       \
	X("ike-nat-keepalives", "octets that kept a NAT's mapping of ours (RFC 3948 4)", "")                 \
	X("ike-rekey-collisions", "both ends rekeyed the same SA at once (2.8.1)", "")                       \
	X("ike-sessions-crossed", "both ends began a session, and one of the two stayed", "")                \
	X("ike-reauthenticated", "sessions that followed the one before without a break (RFC 4478)", "")     \
	X("ike-reauthentication-failed",                                                                     \
	  "sessions that were to follow another one (RFC 4478) and did not come up, or got no Child SA",     \
	  "`roamctl events` says why; the session before goes on")                                           \
	X("ike-records-written", "session records that were written", "")                                    \
	X("ike-records-failed", "session records that could not be written",                                 \
	  "room for the store: a restart would lose those sessions")                                         \
	X("ike-restored", "sessions that came back from their records", "")                                  \
	X("ike-not-restored", "records that gave no session back", "the log says why for each")              \
	X("ike-established", "IKE SAs that were authenticated", "")                                          \
	X("ike-closed", "IKE SAs that ended", "")                                                            \
	X("mobike-updates", "UPDATE_SA_ADDRESSES of peers (RFC 4555 3.5)", "")                               \
	X("mobike-refused", "of these, answered with an error", "`roamctl explain CLIENT`")                  \
	X("mobike-stale", "of these, overtaken by a newer one", "")                                          \
	X("mobike-coalesced", "of these, joined with one that waited (`mobility.updates`)", "")              \
	X("mobike-addresses-capped", "additional addresses of a peer beyond what is kept", "")               \
	X("esp-from-elsewhere", "authenticated ESP from another address than the session's",                 \
	  "NATs whose mapping changed: the session follows where it is asked and proven")                    \
	X("mobike-unexpected-nat", "NO_NATS_ALLOWED, and a NAT was there (RFC 4555 3.9)", "")                \
	X("mobike-request-from-elsewhere", "requests of a peer from an address that it did not announce",    \
	  "")                                                                                                \
	X("mobike-return-routability-started", "new addresses that were asked for proof (3.7)", "")          \
	X("mobike-return-routability-proved", "of these, that gave it", "")                                  \
	X("mobike-return-routability-timeout", "of these, that did not answer in time",                      \
	  "clients that lost their new network at once, or a lie")                                           \
	X("mobike-return-routability-cookie-missing", "an answer without the COOKIE2 that was asked for",    \
	  "a broken peer")                                                                                   \
	X("mobike-return-routability-cookie-differs", "an answer with another COOKIE2",                      \
	  "a broken peer, or a lie")                                                                         \
	X("control-sessions-looked-at",                                                                      \
	  "sessions that were looked at for roamctl and for connections that begin", "")                     \
	X("mobike-moves", "moves that took effect in the fast path", "")                                     \
	X("mobike-moves-failed", "moves that the fast path refused: the old path stays",                     \
	  "the log says why for each")                                                                       \
	X("path-mtu-lowered", "a router told of a smaller path MTU, and it is in the fast path", "")         \
	X("path-mtu-raised", "after `path-mtu-age` the uplink's MTU was tried again", "")                    \
	X("path-mtu-ignored", "the same, but no smaller than what is known, or a move was under way", "")

#define COUNTERS_TEXT_REJECTS(X)                                                                             \
	X("ike-short", "datagram below 28 octets", "")                                                       \
	X("ike-length", "length of the header is not that of the datagram", "")                              \
	X("ike-major-version", "a version above 2: INVALID_MAJOR_VERSION", "")                               \
	X("ike-version-one", "IKEv1", "a client of ten years ago: it must be set to IKEv2")                  \
	X("ike-spi-zero", "initiator's SPI is 0", "")                                                        \
	X("ike-payload-short", "payload shorter than its header", "")                                        \
	X("ike-payload-long", "payload longer than the message", "")                                         \
	X("ike-payload-chain", "chain of payloads ends early or late", "")                                   \
	X("ike-payload-many", "more payloads than a message may have", "")                                   \
	X("ike-payload-misplaced", "encrypted payload inside an encrypted one", "")                          \
	X("ike-critical", "unknown payload marked as critical: UNSUPPORTED_CRITICAL_PAYLOAD",                \
	  "a client that needs an extension that we do not have")                                            \
	X("ike-payload-body", "fixed part of a payload is missing", "")                                      \
	X("ike-sk-not-last", "payload behind the encrypted one", "")                                         \
	X("ike-sk-short", "encrypted payload too short for IV, padding and ICV", "")                         \
	X("ike-sk-icv", "integrity check failed: not from the peer, or damaged",                             \
	  "forged, if it rises; after a reboot of a client expected for a moment")                           \
	X("ike-sk-pad", "padding longer than what was encrypted", "")                                        \
	X("ike-sk-crypto", "the cryptographic library failed", "the log; OpenSSL's configuration")           \
	X("ike-skf-not-alone", "payload beside an encrypted fragment", "")                                   \
	X("ike-frag-number", "number of a fragment is 0 or above their total", "")                           \
	X("ike-frag-total", "total of fragments is 0, too large or has become smaller", "")                  \
	X("ike-frag-next-payload", "later fragment that names a first payload", "")                          \
	X("ike-frag-duplicate", "fragment that was there already", "")                                       \
	X("ike-frag-message", "fragment of another message than the one at work", "")                        \
	X("ike-frag-budget", "unfinished messages hold as many octets as they may", "a flood, as a rule")    \
	X("ike-sa-empty", "SA payload without a proposal", "")                                               \
	X("ike-sa-proposal", "malformed proposal", "")                                                       \
	X("ike-sa-spi", "SPI in a proposal has the wrong length", "")                                        \
	X("ike-sa-transform", "malformed transform", "")                                                     \
	X("ike-sa-attribute", "malformed attribute of a transform", "")                                      \
	X("ike-no-proposal", "nothing that the peer proposes is ours: NO_PROPOSAL_CHOSEN",                   \
	  "`proposals` of its connection; the log has what it offered")                                      \
	X("ike-ke-group", "key exchange for another group than the one chosen: INVALID_KE_PAYLOAD",          \
	  "costs a round trip; put the clients' first group first")                                          \
	X("ike-ke-length", "key exchange value of the wrong length", "")                                     \
	X("ike-ke-value", "key exchange value that is no element of its group", "")                          \
	X("ike-nonce-length", "nonce shorter than 16 or longer than 256 octets", "")                         \
	X("ike-id-type", "identity of an unknown type", "")                                                  \
	X("ike-id-length", "identity whose length does not fit its type", "")                                \
	X("ike-ts-count", "no traffic selector, or too many", "")                                            \
	X("ike-ts-length", "traffic selector of the wrong length", "")                                       \
	X("ike-ts-range", "traffic selector that ends before it starts", "")                                 \
	X("ike-notify-spi", "SPI of a notification has the wrong length", "")                                \
	X("ike-notify-data", "data of a notification has the wrong length: passed over", "")                 \
	X("ike-cookie2-length", "COOKIE2 outside 8 to 64 octets", "")                                        \
	X("ike-rekey-protocol", "rekey of something that is no Child SA", "")                                \
	X("ike-delete-spi", "malformed Delete", "")                                                          \
	X("ike-cp-attribute", "malformed attribute of a configuration payload", "")                          \
	X("ike-cp-many", "more attributes of a configuration payload than are read", "")                     \
	X("ike-cert-length", "certificate payload that is empty or too large", "")                           \
	X("ike-certreq-length", "certificate request that is no list of key hashes: passed over", "")        \
	X("ike-auth-length", "AUTH payload that is empty or too large", "")                                  \
	X("ike-eap-length", "EAP message whose length is wrong", "")

#define COUNTERS_TEXT_PROCESS(X)                                                                             \
	X("socket-nat-keepalives", "octets that keep a NAT's mapping: expected", "")                         \
	X("socket-drop-too-short", "datagram too short for IKE", "")                                         \
	X("socket-drop-esp-not-ike", "ESP on port 4500 that the dataplane did not take",                     \
	  "expected while the dataplane is away; else `roamctl dataplane counters`")                         \
	X("socket-drop-truncated", "datagram longer than any IKE message may be", "")                        \
	X("socket-drop-source", "datagram from port 0 or from no host's address", "")                        \
	X("socket-drop-newcomers", "more IKE_SA_INIT requests waited than may",                              \
	  "a flood; those who are up are served first (`docs/ike-load.md`)")                                 \
	X("socket-send-no-such-address", "an answer from an address that no socket is open for",             \
	  "an address was taken from an uplink under its sessions")                                          \
	X("socket-send-buffer-full", "a socket's buffer was full",                                           \
	  "`CAP_NET_ADMIN`, so that buffers may be large")                                                   \
	X("socket-send-failed", "the kernel would not send", "routes of the uplinks' tables")                \
	X("log-lines-suppressed", "log lines beyond what is written in a second", "")                        \
	X("config-reloads", "reloads that took effect", "")                                                  \
	X("config-reloads-refused", "reloads that did not, for an error", "`roamctl check FILE`")

#endif
