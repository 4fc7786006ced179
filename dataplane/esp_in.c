/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inbound ESP (RFC 4303 3.4, RFC 4301 5.2): from the SPI to the inner packet. What most packets need
 * is here, in as few instructions as we could; esp_in_any.c does the rest. Packets come
 * from inbound.c at once, or through w->esp_in.
 * Worker threads; only the SA's owner gets past the hand-over.
 */
#include "dataplane/checksum.h"
#include "dataplane/forward.h"
#include "dataplane/mss.h"
#include "dataplane/open.h"

#include <limits.h>

#define GCM_AROUND (ESP_HEADER + ESP_GCM_IV + CRYPTO_ICV)

/* What the packet needs of its SA, now that the SA's line is here; with the cipher's part, or without. */
static inline void bring_in(const struct worker *w, const struct in *in, bool cipher)
{
	sa_prefetch_ring(in->sa, in_low(in));
	if (cipher && in->len >= GCM_AROUND)
		esp_prefetch_cipher(in->sa->suite, sa_key(in->sa), in->esp + ESP_HEADER + ESP_GCM_IV,
		                    in->len - GCM_AROUND, w->dp->prefetch_payload);
}

#define OWNER_NONE UINT_MAX /* no worker has that index */

/* No SA of this worker's. */
static __attribute__((noinline)) void leave(struct worker *w, const struct in *in, unsigned owner)
{
	if (in->sa == NULL) {
		worker_drop(w, in->m, DROP_ESP_NO_SA);
		return;
	}
	in_note(in);
	hand_over(w, in->m, in->sa, owner, HAND_ESP_IN);
}

/* Is it the SA, and ours? What is true of a train's first packet is of the others. Those that are not go
 * elsewhere; what stays is moved to the front. */
static unsigned keep_mine(struct worker *w, struct in *in, unsigned n)
{
	const struct in *const ahead = in + (n != 0 ? esp_ahead(in->len) : 0);
	struct in *kept = in;
	struct sa *sa = NULL;
	uint32_t train = 0;
	unsigned owner = 0;

	for (struct in *i = in; i < in + n; i++) {
		if (i->train != train) {
			train = i->train;
			sa = sa_in_check(i->sa, i->spi);
			owner = __builtin_expect(sa != NULL, 1) ? sa_owner(sa) : OWNER_NONE;
			if (__builtin_expect(owner == w->index, 1))
				sa_prefetch_more(sa);
		}
		i->sa = sa;
		if (__builtin_expect(owner != w->index, 0)) {
			leave(w, i, owner);
			continue;
		}
		bring_in(w, i, kept < ahead);
		if (__builtin_expect(kept != i, 0))
			*kept = *i;
		kept++;
	}
	return (unsigned)(kept - in);
}

/* All that can be said before the ICV, of most packets: a plain SA, a number above all others. False says
 * nothing: esp_in_check_any() is next. */
static inline __attribute__((always_inline)) bool check_plain(const struct in *in, struct open *o)
{
	const struct sa *sa = in->sa;
	const uint32_t len = in->len, word = sa_word(sa);
	const int64_t top = (int64_t)sa->live->sequence;
	int64_t seq;

	if (__builtin_expect(!sa_word_is_plain(word) || len < GCM_AROUND + 20 + ESP_TRAILER, 0))
		return false;
	seq = replay_number((uint64_t)top, in_low(in), sa_window(sa), (word & SA_ESN) != 0);
	if (__builtin_expect(seq <= top, 0))
		return false;
	open_set(o, in, word, in->esp + ESP_HEADER + ESP_GCM_IV, len - GCM_AROUND, (uint64_t)seq);
	return true;
}

/* Up to 15 bytes of padding in front of the trailer, at `last`. Of a shorter text it reads the headers in
 * front, 42 bytes at the least; whether there is so much padding is asked elsewhere. */
static inline bool long_padding_is_good(const uint8_t *last, uint32_t pad)
{
	static const uint8_t numbers[32] = {[16] = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
	const __m128i wanted = _mm_loadu_si128((const __m128i *)(const void *)(numbers + pad));
	const __m128i seen = _mm_loadu_si128((const __m128i *)(const void *)(last - 16));

	/* the lowest 16 - pad bytes are none of the padding */
	return ((uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(seen, wanted)) | 0xffffu >> pad) == 0xffff;
}

/* The text ends with 1, 2, 3 ..., pad length, IPv4 (RFC 4303 2.4 to 2.6)? Most have little padding: all of it
 * is in the last 8 bytes. */
static inline bool trailer_is_good4(const uint8_t *end, uint32_t *pad)
{
	static const struct {
		uint64_t mask, wanted;
	} of[7] = {
	        {0xffff000000000000, 0x0400000000000000}, {0xffffff0000000000, 0x0401010000000000},
	        {0xffffffff00000000, 0x0402020100000000}, {0xffffffffff000000, 0x0403030201000000},
	        {0xffffffffffff0000, 0x0404040302010000}, {0xffffffffffffff00, 0x0405050403020100},
	        {0xffffffffffffffff, 0x0406060504030201},
	};
	const uint64_t last = load64(end - 8);

	*pad = last >> 48 & 0xff;
	if (__builtin_expect(*pad < 7, 1))
		return (last & of[*pad].mask) == of[*pad].wanted;
	return *pad < 16 && last >> 56 == ESP_NEXT_IPV4 && long_padding_is_good(end - ESP_TRAILER, *pad);
}

enum accepted {
	UNDECIDED, /* nothing was said or done: esp_in_accept_any() is next */
	ACCEPTED,  /* the inner stage is next */
	FORWARDED, /* it has left */
};

/* Into struct pkt, for the inner stage. */
static void note_clear(const struct in *in, uint8_t *clear, uint32_t len)
{
	struct pkt *p = pkt_of(in->m);

	in_note(in);
	p->ip = clear;
	p->len = (uint16_t)len;
	p->from = FROM_TUNNEL;
	pkt_strip(in->m);
}

/* What is true of the packets of a train, and of one flow of them, until one takes the long way. */
struct accepting {
	uint32_t train;             /* 0: ask again */
	uint64_t flow;              /* inner source and destination, as in the packets */
	uint32_t destination;       /* the last one that was asked for; 0: none */
	const struct fib_entry *to; /* the way there, or NULL: the inner stage is next */
};

/* From where the last one came, without a word of congestion, as the selectors want it, and nothing to be
 * told? Then it is as good as accepted, and the others of the train say no more of the tunnel. False: nothing
 * was done. */
static inline bool ask(struct worker *w, struct accepting *a, const struct in *in, uint64_t flow)
{
	const struct sa *sa = in->sa;
	const uint32_t destination = (uint32_t)(flow >> 32);
	const uint8_t *outer = in_outer(in);
	struct tunnel *tunnel = sa->tunnel;

	if (__builtin_expect(
	            !sa_word_is_simple4(sa_word(sa)) || !selectors4_match_flow(&sa->sel4, flow, false), 0))
		return false;
	if (__builtin_expect(in->family != 4 || (outer[1] & 3) == 3 ||
	                             open_source4(in->encap, outer, in->esp) != tunnel->seen_source,
	                     0))
		return false;
	if (__builtin_expect(tunnel_generation(tunnel) != tunnel->seen_generation, 0))
		return false;
	tunnel_note_in(tunnel, w->now_ms);
	a->train = in->train;
	a->flow = flow;
	if (destination != a->destination) {
		a->destination = destination;
		/* behind one that the inner stage has yet to see it has to wait: packets stay in order */
		a->to = __builtin_expect(w->inner.n == 0, 1) ? forward_recall(w, destination) : NULL;
	}
	return true;
}

/* At next_check: the record is brought up to date, and that was all? */
static __attribute__((noinline)) bool is_plain_again(struct worker *w, struct sa *sa, uint64_t seq)
{
	event_due(&w->mine->events, sa, sa_record(w->core, sa), w->now_ms);
	return seq < sa->next_check;
}

/*
 * An authentic packet of the kind that most are: a number above all others, from where the last one came,
 * IPv4 in IPv4 without a word of congestion, as the selectors want it, and nothing due. To a neighbour that
 * is remembered it goes from here.
 */
static inline __attribute__((always_inline)) enum accepted
accept_plain(struct worker *w, struct way_out *way, struct accepting *a, const struct open *o, bool clamp)
{
	const struct in *in = o->in;
	struct sa *sa = in->sa;
	uint8_t *clear = o->clear;
	const uint32_t first = load32(clear), total = ntohs((uint16_t)(first >> 16));
	const uint64_t flow = load64(clear + 12), top = sa->live->sequence;
	uint32_t pad;

	/* the trailer, and the inner header */
	if (__builtin_expect(!trailer_is_good4(clear + o->cipher, &pad) || (first & 0x03ff) != 0x0045, 0))
		return UNDECIDED;
	if (__builtin_expect(total < 20 || total + pad + ESP_TRAILER > o->cipher || !checksum_is_good4(clear),
	                     0))
		return UNDECIDED;
	/* replay window, limits, and what is asked for the train */
	if (__builtin_expect(o->seq <= top, 0))
		return UNDECIDED;
	if (__builtin_expect(o->seq >= sa->next_check, 0) && !is_plain_again(w, sa, o->seq))
		return UNDECIDED;
	if ((in->train != a->train || flow != a->flow) && __builtin_expect(!ask(w, a, in, flow), 0))
		return UNDECIDED;

	sa_replay_newest(sa, top, o->seq);
	sa_account_plain(sa, total);
	if (__builtin_expect(clamp && mss_is_tcp(clear), 0))
		esp_in_clamp_mss(w, sa, clear, total);
	if (__builtin_expect(a->to != NULL && forward_plain(w, way, in->m, a->to, clear, total), 1))
		return FORWARDED;
	note_clear(in, clear, total);
	return ACCEPTED;
}

/* Into struct pkt, what both checks do without. */
static void note(const struct open *o)
{
	struct pkt *p = pkt_of(o->in->m);

	in_note(o->in);
	p->ip = o->clear;
	p->cipher = o->cipher;
	p->seq = o->seq;
}

static __attribute__((noinline)) enum drop accept_any(struct worker *w, const struct open *o)
{
	if (o->why == DROP_ESP_AUTH)
		counters_add(&sa_record(w->core, o->in->sa)->auth_failed, 1);
	if (o->why != DROP_NONE)
		return (enum drop)o->why;
	note(o);
	return esp_in_accept_any(w, o->in->m);
}

/* Opened packets leave, go on to the inner stage, or are dropped for what the cipher said of them. */
static void accept_burst(struct worker *w, const struct open *o, unsigned n)
{
	const bool clamp = w->dp->mss_clamp;
	struct way_out way = {.port = PORT_MAX};
	struct accepting a = {.to = NULL};
	unsigned done = 0, forwarded = 0;

	for (unsigned i = 0; i < n; i++) {
		enum accepted accepted = UNDECIDED;

		if (__builtin_expect(open_is_plain(&o[i]), 1))
			accepted = accept_plain(w, &way, &a, &o[i], clamp);
		if (__builtin_expect(accepted == FORWARDED, 1)) {
			forwarded++;
			continue;
		}
		a = (struct accepting){.to = NULL};
		if (accepted == UNDECIDED) {
			enum drop why = accept_any(w, &o[i]);
			if (why != DROP_NONE) {
				worker_drop(w, o[i].in->m, why);
				continue;
			}
		}
		inner_push(w, o[i].in->m);
		done++;
	}
	count_add(w->counters, COUNTER_DECRYPTED, done + forwarded);
	count_add(w->counters, COUNTER_FORWARDED, forwarded);
}

/* Suites other than AES-GCM, all SAs of the burst at once. */
static void open_batch(struct worker *w, struct open *o, unsigned n)
{
	static const enum drop reason[] = {[CRYPTO_OK] = DROP_NONE,
	                                   [CRYPTO_MISMATCH] = DROP_ESP_AUTH,
	                                   [CRYPTO_FAILED] = DROP_CRYPTO_ERROR};
	struct crypto_batch *b = w->crypto;

	for (unsigned i = 0; i < n; i++) {
		const struct in *in = o[i].in;
		esp_prefetch_payload(in->esp, o[i].cipher, w->dp->prefetch_payload);
		esp_batch(&b->op[i], in->sa, in->esp, o[i].seq, o[i].cipher);
	}
	crypto_open_batch(b, n);
	for (unsigned i = 0; i < n; i++)
		o[i].why = (uint8_t)reason[b->op[i].result];
	accept_burst(w, o, n);
}

/* keep_mine() brought in what the first ones need. */
static void open_burst(struct worker *w, struct open *o, unsigned n)
{
	const struct open *const end = o + n, *ahead = o + (n != 0 ? esp_ahead(o[0].cipher) : 0);
	const bool all = w->dp->prefetch_payload;
	const void *key = NULL;

	for (struct open *i = o; i < end; i++, ahead++) {
		if (ahead < end) {
			if (ahead->key != key)
				crypto_prefetch_key(ahead->suite, ahead->key, ahead->cipher);
			key = ahead->key;
			esp_prefetch_payload(ahead->clear, ahead->cipher, all);
		}
		if (!crypto_open(i->suite, i->key, i->clear, i->cipher, i->nonce, i->nonce + 16, i->aad_len))
			i->why = DROP_ESP_AUTH;
	}
	accept_burst(w, o, n);
}

void esp_in_open(struct worker *w, struct in *in, unsigned n)
{
	struct open open[WORKER_BURST], batch[WORKER_BURST], *ready = open;
	unsigned batched = 0;

	n = keep_mine(w, in, n);
	for (const struct in *last = in + n; in < last; in++) {
		enum drop why;

		if (__builtin_expect(check_plain(in, ready), 1)) {
			ready++;
			continue;
		}
		why = esp_in_check_any(in, ready);
		if (why == DROP_NONE) {
			if (ready->batched)
				batch[batched++] = *ready;
			else
				ready++;
			continue;
		}
		if (why == DROP_ESP_REPLAY_OLD || why == DROP_ESP_REPLAY_SEEN)
			counters_add(&sa_record(w->core, in->sa)->replayed, 1);
		worker_drop(w, in->m, why);
	}
	open_burst(w, open, (unsigned)(ready - open));
	if (batched != 0)
		open_batch(w, batch, batched);
}

void esp_in_run(struct worker *w)
{
	struct in in[WORKER_BURST];
	const unsigned n = w->esp_in.n;

	if (n == 0)
		return;
	for (unsigned i = 0; i < n; i++) {
		in[i] = in_of(w->core, w->esp_in.m[i], i + 1);
		if (__builtin_expect(in[i].sa != NULL, 1))
			sa_prefetch(in[i].sa);
	}
	w->esp_in.n = 0;
	esp_in_open(w, in, n);
}
