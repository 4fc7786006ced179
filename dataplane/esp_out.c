/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outbound ESP (RFC 4303 3.3, RFC 4301 5.1.2): from the
 * SA that the inner stage chose to a frame for the next hop. The path is loaded
 * once for a packet, and travels with it. What most packets need is here, in
 * as few instructions as we could; esp_out_any.c does the rest.
 * Worker threads; only the SA's owner gets past the hand-over.
 */
#include "dataplane/mss.h"
#include "dataplane/seal.h"

#define GCM_AROUND (ESP_HEADER + ESP_GCM_IV + CRYPTO_ICV)

/* A TCP segment: a SYN may promise too much. */
static __attribute__((noinline)) void look_at_mss(struct worker *w, const struct train *t,
                                                  const struct out *o, const struct nexthop *nh)
{
	if (mss_clamp(o->ip, o->len, esp_inner_mtu(t->sa, t->path, nh)))
		count_add(w->counters, COUNTER_MSS_CLAMPED, 1);
}

/* Where in its buffer the frame would begin; false: it does not fit. */
static inline bool fits(const struct rte_mbuf *m, const uint8_t *frame, uint32_t frame_len, uint64_t *at)
{
	return !__builtin_sub_overflow((uintptr_t)frame, (uintptr_t)m->buf_addr, at) &&
	       *at + frame_len <= m->buf_len;
}

/*
 * Everything but the cipher text, for most packets: AES-GCM with a whole ICV, tunnel mode, IPv4
 * in IPv4, and nothing due. `word` and `nh`: of the train's SA, which is plain, and path, whose family is 4.
 * The buffer is known to be ours: classify.c looked, or we made it. False says nothing and has done nothing:
 * esp_out_any() is next.
 */
static inline __attribute__((always_inline)) bool prepare(struct worker *w, const struct train *t,
                                                          const struct out *o, uint32_t word,
                                                          const struct nexthop *nh, struct seal *s, bool hop)
{
	struct rte_mbuf *m = o->m;
	struct sa *sa = t->sa;
	const struct path *path = t->path;
	const uint64_t now = w->now_ms;
	const uint32_t len = o->len;
	const uint32_t cipher = esp_cipher_len(&sa_shape_gcm16, len);
	const uint32_t outer_len = path->hdr_len + GCM_AROUND + cipher;
	uint8_t *const clear = o->ip, *const outer = clear - ESP_GCM_IV - ESP_HEADER - path->hdr_len;
	uint64_t iv, at;

	if (__builtin_expect(o->family != 4, 0))
		return false;
	if (__builtin_expect(!path_fits(path, nh, outer_len) ||
	                             !fits(m, outer - RTE_ETHER_HDR_LEN, RTE_ETHER_HDR_LEN + outer_len, &at),
	                     0))
		return false;
	if (__builtin_expect(!sa_plain_number(sa, &iv), 0))
		return false;

	/* from here on nothing can fail: the number is used up (H69) */
	if (__builtin_expect(hop, 1))
		checksum_spend_hop4(clear);
	sa_account_plain(sa, len);
	m->data_off = (uint16_t)at;
	m->data_len = (uint16_t)(RTE_ETHER_HDR_LEN + outer_len);
	m->pkt_len = RTE_ETHER_HDR_LEN + outer_len;
	memcpy(outer - RTE_ETHER_HDR_LEN, nh, 16); /* the outer header overwrites the last two */
	seal_write_outer4(outer, path, outer_len, clear[1]);
	seal_write_trailer(clear, len, cipher, ESP_NEXT_IPV4);
	s->cipher = (uint16_t)cipher;
	s->port = nh->port;
	s->m = m;
	s->clear = clear;
	iv = __builtin_bswap64(iv);
	seal_write_esp(clear - ESP_GCM_IV - ESP_HEADER, sa, iv, true);
	seal_set_number(s, sa, iv);
	s->how = (word & 0xff00) | (8 + (word & SA_ESN) * 4); /* suite and length of additional data */
	s->key = sa_key(sa);

	if (__builtin_expect(w->dp->mss_clamp && mss_is_tcp(clear), 0))
		look_at_mss(w, t, o, nh);
	if (__builtin_expect(tunnel_note_out(sa->tunnel, now), 0))
		event_no_answer(&w->mine->events, sa, now);
	return true;
}

/* Suites other than AES-GCM, all SAs of the burst at once. How many were sealed. */
static unsigned seal_batch(struct worker *w, const struct seal *s, unsigned n)
{
	struct crypto_batch *b = w->crypto;
	unsigned done = 0;

	for (unsigned i = 0; i < n; i++) {
		esp_prefetch_payload(s[i].clear, s[i].cipher, w->dp->prefetch_payload);
		seal_batch_op(&b->op[i], &s[i]);
	}
	crypto_seal_batch(b, n);
	for (unsigned i = 0; i < n; i++) {
		if (b->op[i].result != CRYPTO_OK) {
			worker_drop(w, s[i].m, DROP_CRYPTO_ERROR);
			continue;
		}
		if (s[i].udp6)
			esp_out_udp6(w, &s[i]);
		tx_frame(w, s[i].port, s[i].m);
		done++;
	}
	return done;
}

/* What prepare() does not take. False: there is nothing to be sealed with the burst's others. */
static __attribute__((noinline)) bool prepare_any(struct worker *w, const struct train *t,
                                                  const struct out *o, struct seal *s, bool hop)
{
	enum drop why;

	if (hop)
		checksum_spend_hop4(o->ip);
	out_note(o, t->sa);
	why = esp_out_any(w, o->m, t->path, s);
	if (why != DROP_NONE)
		worker_drop(w, o->m, why);
	return why == DROP_NONE && s->m != NULL;
}

void esp_out_seal(struct worker *w, const struct train *t, const struct train *last, bool hop)
{
	struct seal seal[WORKER_BURST], batch[WORKER_BURST], *end = seal;
	const bool all = w->dp->prefetch_payload;
	struct way_out way = {.port = PORT_MAX};
	unsigned batched = 0, ahead, n;

	for (; t < last; t++) {
		const uint32_t word = sa_word(t->sa);
		const struct nexthop *nh = nexthop_load(t->path->nexthop);
		const bool plain = sa_word_is_plain(word) && nh != NULL && t->path->family == 4;

		for (const struct out *o = t->first, *behind = o + t->n; o < behind; o++) {
			if (__builtin_expect(plain && prepare(w, t, o, word, nh, end, hop), 1))
				end++;
			else if (!prepare_any(w, t, o, end, hop))
				continue;
			else if (end->batched)
				batch[batched++] = *end;
			else
				end++;
		}
	}
	ahead = end != seal ? esp_ahead(seal[0].cipher) : 0; /* esp_out_prefetch() saw to the first ones */
	for (const struct seal *s = seal; s < end; s++) {
		if (s + ahead < end)
			esp_prefetch_cipher(s[ahead].suite, s[ahead].key, s[ahead].clear, s[ahead].cipher,
			                    all);
		seal_now(s);
		if (__builtin_expect(s->udp6, 0))
			esp_out_udp6(w, s);
		tx_along(w, &way, s->port, s->m);
	}
	n = (unsigned)(end - seal);
	if (batched != 0)
		n += seal_batch(w, batch, batched);
	count_add(w->counters, COUNTER_ENCRYPTED, n);
}

void esp_out_prefetch(const struct worker *w, const struct train *t, const struct train *end)
{
	unsigned ahead = t < end ? esp_ahead(t->first->len) : 0;
	const bool all = w->dp->prefetch_payload;

	for (; t < end && ahead != 0; t++) {
		const struct out *o = t->first, *behind = o + t->n;

		for (; o < behind && ahead != 0; o++, ahead--)
			esp_prefetch_cipher(t->sa->suite, sa_key(t->sa), o->ip, o->len + ESP_TRAILER, all);
	}
}

void esp_out_run(struct worker *w)
{
	struct out out[WORKER_BURST];
	struct train train[WORKER_BURST], *end = train;
	struct vec *v = &w->esp_out;
	const unsigned n = v->n;

	if (n == 0)
		return;
	/* once for each train: whatever main publishes now is for the next burst */
	for (unsigned i = 0; i < n; i++) {
		struct sa *sa = pkt_of(v->m[i])->sa;

		out[i] = out_of(v->m[i]);
		if (end != train && end[-1].sa == sa) {
			end[-1].n++;
			continue;
		}
		*end = (struct train){.first = &out[i], .n = 1, .sa = sa, .path = tunnel_path(sa->tunnel)};
		line_prefetch(end->path);
		end++;
	}
	v->n = 0;
	for (const struct train *t = train; t < end; t++)
		line_prefetch(t->path->nexthop);
	esp_out_prefetch(w, train, end);
	esp_out_seal(w, train, end, false);
}
