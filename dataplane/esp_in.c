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

#define GCM_AROUND (ESP_HEADER + ESP_GCM_IV + CRYPTO_ICV)

/* What the packet needs of its SA, now that the SA's line is here; with the cipher's part, or without. */
static inline void bring_in(const struct worker *w, const struct in *in, bool cipher)
{
	sa_prefetch_more(in->sa);
	sa_prefetch_ring(in->sa, in->low);
	if (cipher)
		esp_prefetch_cipher(in->sa->suite, sa_key(in->sa), in->esp + ESP_HEADER + ESP_GCM_IV, in->len,
		                    w->dp->prefetch_payload);
}

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

/* Is it the SA, and ours? Those of other packets go elsewhere; what stays is moved to the front. */
static unsigned keep_mine(struct worker *w, struct in *in, unsigned n)
{
	const struct in *const ahead = in + (n != 0 ? esp_ahead(in->len) : 0);
	struct in *kept = in;

	for (struct in *i = in; i < in + n; i++) {
		unsigned owner = 0;

		i->sa = sa_in_check(i->sa, i->spi);
		if (__builtin_expect(i->sa == NULL || (owner = sa_owner(i->sa)) != w->index, 0)) {
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
	const uint32_t len = in->len;
	uint64_t top = sa->record->sequence, seq;

	if (__builtin_expect(!sa_word_is_plain(sa_word(sa)) || len < GCM_AROUND + 20 + ESP_TRAILER, 0))
		return false;
	seq = sa_infer(sa, in->low);
	if (__builtin_expect(seq <= top, 0))
		return false;
	open_set(o, in, in->esp + ESP_HEADER + ESP_GCM_IV, len - GCM_AROUND, seq);
	o->plain = true;
	return true;
}

/* 1, 2, 3 ... in front of the trailer (RFC 4303 2.4). Of a shorter text it reads the headers in front, 42
 * bytes at the least; whether there is so much padding is asked elsewhere. */
static inline bool short_padding_is_good(const uint8_t *trailer, uint32_t pad)
{
	static const uint8_t numbers[32] = {[16] = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
	const __m128i wanted = _mm_loadu_si128((const __m128i *)(const void *)(numbers + pad));
	const __m128i last = _mm_loadu_si128((const __m128i *)(const void *)(trailer - 16));

	/* the lowest 16 - pad bytes are none of the padding */
	return ((uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(last, wanted)) | 0xffffu >> pad) == 0xffff;
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

/*
 * An authentic packet of the kind that most are: a number above all others, from where the last one came,
 * IPv4 in IPv4 without a word of congestion, as the selectors want it, and nothing due. To a neighbour that
 * is remembered it goes from here.
 */
static inline __attribute__((always_inline)) enum accepted
accept_plain(struct worker *w, struct way_out *way, const struct open *o, uint64_t now, bool clamp)
{
	const struct in *in = o->in;
	struct sa *sa = in->sa;
	struct tunnel *tunnel = sa->tunnel;
	struct rg_counters_sa *record = sa->record;
	const uint8_t *outer = in_outer(in);
	uint8_t *clear = o->clear;
	const struct fib_entry *e;
	const uint32_t trailer = load16(clear + o->cipher - ESP_TRAILER), pad = trailer & 0xff;
	const uint32_t total = ntohs(load16(clear + 2));

	/* the trailer, and the inner header */
	if (__builtin_expect(trailer >> 8 != ESP_NEXT_IPV4 || pad > 15 || (load16(clear) & 0x03ff) != 0x0045,
	                     0))
		return UNDECIDED;
	if (__builtin_expect(!short_padding_is_good(clear + o->cipher - ESP_TRAILER, pad), 0))
		return UNDECIDED;
	if (__builtin_expect(total < 20 || total + pad + ESP_TRAILER > o->cipher || !checksum_is_good4(clear),
	                     0))
		return UNDECIDED;
	/* replay window, selectors, limits */
	if (__builtin_expect(o->seq <= record->sequence || record->packets + 1 >= sa->next_check, 0))
		return UNDECIDED;
	if (__builtin_expect((sa->flags & SA_SIMPLE4) == 0 || !selectors4_match(&sa->sel4, clear, false), 0))
		return UNDECIDED;
	/* the outer header */
	if (__builtin_expect(in->family != 4 || (outer[1] & 3) == 3 ||
	                             open_source4(in->encap, outer, in->esp) != tunnel->seen_source,
	                     0))
		return UNDECIDED;
	if (__builtin_expect(tunnel_generation(tunnel) != tunnel->seen_generation ||
	                             (sa->told & SA_TOLD_FIRST) == 0,
	                     0))
		return UNDECIDED;

	sa_replay_newest(sa, o->seq);
	tunnel_note_in(tunnel, now);
	sa_account_plain(sa, total, now);
	if (__builtin_expect(clamp && mss_is_tcp(clear), 0))
		esp_in_clamp_mss(w, sa, clear, total);
	/* behind one that the inner stage has yet to see it has to wait: packets stay in order */
	e = __builtin_expect(w->inner.n == 0, 1) ? forward_recall(w, load32(clear + 16)) : NULL;
	if (__builtin_expect(e != NULL && forward_plain(w, way, in->m, e, clear, total), 1))
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
		counters_add(&o->in->sa->record->auth_failed, 1);
	if (o->why != DROP_NONE)
		return (enum drop)o->why;
	note(o);
	return esp_in_accept_any(w, o->in->m);
}

/* Opened packets leave, go on to the inner stage, or are dropped for what the cipher said of them. */
static void accept_burst(struct worker *w, const struct open *o, unsigned n)
{
	const uint64_t now = w->now_ms;
	const bool clamp = w->dp->mss_clamp;
	struct way_out way = {.port = PORT_MAX};
	unsigned done = 0, forwarded = 0;

	for (unsigned i = 0; i < n; i++) {
		enum accepted accepted = UNDECIDED;

		if (__builtin_expect(o[i].why == DROP_NONE && o[i].plain, 1))
			accepted = accept_plain(w, &way, &o[i], now, clamp);
		if (__builtin_expect(accepted == FORWARDED, 1)) {
			forwarded++;
			continue;
		}
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

	for (struct open *i = o; i < end; i++, ahead++) {
		if (ahead < end)
			esp_prefetch_cipher(ahead->suite, ahead->key, ahead->clear, ahead->cipher, all);
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
			counters_add(&in->sa->record->replayed, 1);
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
		in[i] = in_of(w->core, w->esp_in.m[i]);
		if (__builtin_expect(in[i].sa != NULL, 1))
			sa_prefetch(in[i].sa);
	}
	w->esp_in.n = 0;
	esp_in_open(w, in, n);
}
