/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inbound ESP (RFC 4303 3.4, RFC 4301 5.2): from the SPI to the inner packet. What most packets need
 * is here, in as few instructions as we could; esp_in_any.c does the rest.
 * Worker threads; only the SA's owner gets past the hand-over.
 */
#include "dataplane/checksum.h"
#include "dataplane/forward.h"
#include "dataplane/mss.h"
#include "dataplane/open.h"

#define GCM_AROUND (ESP_HEADER + ESP_GCM_IV + CRYPTO_ICV)

/* What the packet needs of its SA, now that the SA's line is here; with the cipher's part, or without. */
static inline void bring_in(const struct worker *w, struct rte_mbuf *m, const struct sa *sa, bool cipher)
{
	const uint32_t at = pkt_of(m)->esp;
	const uint8_t *esp = rte_pktmbuf_mtod_offset(m, uint8_t *, at);

	sa_prefetch_more(sa);
	sa_prefetch_ring(sa, ntohl(load32(esp + 4)));
	if (cipher)
		esp_prefetch_cipher(sa_key(sa), esp + ESP_HEADER + ESP_GCM_IV, rte_pktmbuf_data_len(m) - at,
		                    w->dp->prefetch_payload);
}

/* The SA by SPI, or where the packet goes instead. Those that stay are moved to the front. */
static unsigned find_sas(struct worker *w, struct vec *v)
{
	const unsigned n = v->n, ahead = esp_ahead(rte_pktmbuf_data_len(v->m[0]));
	struct sa *guess[WORKER_BURST];
	unsigned kept = 0;

	for (unsigned i = 0; i < n; i++) {
		const struct pkt *p = pkt_of(v->m[i]);
		/* one that was handed over has its SA */
		guess[i] = __builtin_expect(p->sa == NULL, 1) ? sa_in_guess(w->core, p->spi) : p->sa;
		if (__builtin_expect(guess[i] != NULL,
		                     1)) /* what is mapped nowhere costs a walk of the page tables */
			line_prefetch(guess[i]);
	}
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = v->m[i];
		struct pkt *p = pkt_of(m);
		struct sa *sa = sa_in_check(guess[i], p->spi);
		unsigned owner;

		p->sa = sa;
		if (__builtin_expect(sa == NULL, 0)) {
			worker_drop(w, m, DROP_ESP_NO_SA);
		} else if (__builtin_expect((owner = sa_owner(sa)) != w->index, 0)) {
			hand_over(w, m, sa, owner, HAND_ESP_IN);
		} else {
			bring_in(w, m, sa, kept < ahead);
			v->m[kept++] = m;
		}
	}
	return kept;
}

/* All that can be said before the ICV, of most packets: a plain SA, a number above all others. False says
 * nothing: esp_in_check_any() is next. */
static inline __attribute__((always_inline)) bool check_plain(struct rte_mbuf *m, struct open *o)
{
	const struct pkt *p = pkt_of(m);
	struct sa *sa = p->sa;
	uint8_t *esp = rte_pktmbuf_mtod_offset(m, uint8_t *, p->esp);
	const uint32_t len = rte_pktmbuf_data_len(m) - p->esp;
	uint64_t top = sa->record->sequence, seq;

	if (__builtin_expect(!sa_word_is_plain(sa_word(sa)) || len < GCM_AROUND + 20 + ESP_TRAILER, 0))
		return false;
	seq = sa_infer(sa, ntohl(load32(esp + 4)));
	if (__builtin_expect(seq <= top, 0))
		return false;
	open_set(o, m, sa, esp, esp + ESP_HEADER + ESP_GCM_IV, len - GCM_AROUND, seq);
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

/*
 * An authentic packet of the kind that most are: the next number, from where the last one came, IPv4 in
 * IPv4 without a word of congestion, as the selectors want it, and nothing due. To a neighbour that is
 * remembered it goes from here.
 */
static inline __attribute__((always_inline)) enum accepted
accept_plain(struct worker *w, const struct open *o, uint64_t now, bool clamp)
{
	struct rte_mbuf *m = o->m;
	struct pkt *p = pkt_of(m);
	struct sa *sa = p->sa;
	struct tunnel *tunnel = sa->tunnel;
	struct rg_counters_sa *record = sa->record;
	const uint8_t *outer = rte_pktmbuf_mtod_offset(m, uint8_t *, OUTER_AT);
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
	if (__builtin_expect(o->seq != record->sequence + 1 || record->packets + 1 >= sa->next_check, 0))
		return UNDECIDED;
	if (__builtin_expect((sa->flags & SA_SIMPLE4) == 0 || !selectors4_match(&sa->sel4, clear, false), 0))
		return UNDECIDED;
	/* the outer header */
	if (__builtin_expect(
	            p->family != 4 || (outer[1] & 3) == 3 || open_source(p, outer) != tunnel->seen_source, 0))
		return UNDECIDED;
	if (__builtin_expect(tunnel_generation(tunnel) != tunnel->seen_generation ||
	                             (sa->told & SA_TOLD_FIRST) == 0,
	                     0))
		return UNDECIDED;

	sa_replay_next(sa, o->seq);
	tunnel_note_in(tunnel, now);
	sa_account_plain(sa, total, now);
	if (__builtin_expect(clamp && mss_is_tcp(clear), 0))
		esp_in_clamp_mss(w, sa, clear, total);
	/* behind one that the inner stage has yet to see it has to wait: packets stay in order */
	e = __builtin_expect(w->inner.n == 0, 1) ? forward_recall(w, load32(clear + 16)) : NULL;
	if (__builtin_expect(e != NULL && forward_plain(w, m, e, clear, total), 1))
		return FORWARDED;
	p->ip = clear;
	p->len = (uint16_t)total;
	p->from = FROM_TUNNEL;
	pkt_strip(m);
	return ACCEPTED;
}

/* Into struct pkt, what the plain way does without. */
static void note(const struct open *o)
{
	struct pkt *p = pkt_of(o->m);

	p->ip = o->clear;
	p->cipher = o->cipher;
	p->seq = o->seq;
}

static __attribute__((noinline)) enum drop accept_any(struct worker *w, const struct open *o)
{
	if (o->why == DROP_ESP_AUTH)
		counters_add(&pkt_of(o->m)->sa->record->auth_failed, 1);
	if (o->why != DROP_NONE)
		return (enum drop)o->why;
	note(o);
	return esp_in_accept_any(w, o->m);
}

/* Opened packets leave, go on to the inner stage, or are dropped for what the cipher said of them. */
static void accept_burst(struct worker *w, const struct open *o, unsigned n)
{
	const uint64_t now = w->now_ms;
	const bool clamp = w->dp->mss_clamp;
	unsigned done = 0, forwarded = 0;

	for (unsigned i = 0; i < n; i++) {
		enum accepted accepted = UNDECIDED;

		if (__builtin_expect(o[i].why == DROP_NONE && o[i].plain, 1))
			accepted = accept_plain(w, &o[i], now, clamp);
		if (__builtin_expect(accepted == FORWARDED, 1)) {
			forwarded++;
			continue;
		}
		if (accepted == UNDECIDED) {
			enum drop why = accept_any(w, &o[i]);
			if (why != DROP_NONE) {
				worker_drop(w, o[i].m, why);
				continue;
			}
		}
		inner_push(w, o[i].m);
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

	w->burst = WORKER_BURST;
	for (unsigned i = 0; i < n; i++) {
		const struct pkt *p = pkt_of(o[i].m);
		uint8_t *esp = rte_pktmbuf_mtod_offset(o[i].m, uint8_t *, p->esp);
		esp_prefetch_payload(esp, p->cipher, w->dp->prefetch_payload);
		esp_batch(&b->op[i], p->sa, esp, p->seq, p->cipher);
	}
	crypto_open_batch(b, n);
	for (unsigned i = 0; i < n; i++)
		o[i].why = (uint8_t)reason[b->op[i].result];
	accept_burst(w, o, n);
}

/* find_sas() brought in what the first ones need. */
static void open_burst(struct worker *w, struct open *o, unsigned n)
{
	const unsigned ahead = n != 0 ? esp_ahead(o[0].cipher) : 0;
	const bool all = w->dp->prefetch_payload;

	for (unsigned i = 0; i < n; i++) {
		if (i + ahead < n)
			esp_prefetch_cipher(o[i + ahead].key, o[i + ahead].clear, o[i + ahead].cipher, all);
		if (!crypto_open(o[i].suite, o[i].key, o[i].clear, o[i].cipher, o[i].nonce, o[i].nonce + 16,
		                 o[i].aad_len))
			o[i].why = DROP_ESP_AUTH;
	}
	accept_burst(w, o, n);
}

void esp_in_run(struct worker *w)
{
	struct open open[WORKER_BURST], batch[WORKER_BURST];
	struct vec *v = &w->esp_in;
	unsigned n, ready = 0, batched = 0;

	if (v->n == 0)
		return;
	n = find_sas(w, v);
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = v->m[i];
		enum drop why;

		if (__builtin_expect(check_plain(m, &open[ready]), 1)) {
			ready++;
			continue;
		}
		why = esp_in_check_any(m, &open[ready]);
		if (why == DROP_NONE) {
			if (open[ready].batched)
				batch[batched++] = open[ready];
			else
				ready++;
			continue;
		}
		if (why == DROP_ESP_REPLAY_OLD || why == DROP_ESP_REPLAY_SEEN)
			counters_add(&pkt_of(m)->sa->record->replayed, 1);
		worker_drop(w, m, why);
	}
	open_burst(w, open, ready);
	if (batched != 0)
		open_batch(w, batch, batched);
	v->n = 0;
}
