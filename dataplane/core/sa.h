/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One direction of a Child SA as the workers see it (RFC 4301 4.4.2.1). Main
 * builds, publishes in the table of its direction, and retires; the owner, one
 * worker, alone decrypts or encrypts with it, so sequence numbers and the
 * replay window need no read-modify-write atomics. Sequence and traffic
 * counters live in the SA; the owner brings its record in the counters memfd
 * up to date before too much is missing there (sa_settle()).
 *
 * Both directions: one hot line, the replay ring (inbound), what is live and what is rarely
 * needed, then the key area, all in one piece of memory aligned to a line.
 */
#ifndef RG_DATAPLANE_CORE_SA_H
#define RG_DATAPLANE_CORE_SA_H

#include "dataplane/api/suites.h"
#include "dataplane/core/lines.h"
#include "dataplane/core/replay.h"
#include "dataplane/core/selectors.h"
#include "dataplane/core/tunnel.h"

enum sa_state {
	SA_LIVE = 0,
	SA_DEAD = 1, /* hard lifetime, or being deleted: drop */
};

enum sa_flags {
	SA_ESN = 1u << 0,
	SA_SIMPLE4 = 1u << 1, /* sel4 is all there is for IPv4 */
	SA_BITS = 1u << 2,    /* DF or DSCP of the outer header want outer_bits_apply() */
	SA_OUTBOUND = 1u << 3,
	SA_TRANSPORT = 1u << 4,
};

/* Told once: bits of `told`, owner only. */
enum sa_told {
	SA_TOLD_FIRST = 1u << 0,
	SA_TOLD_SOFT = 1u << 1,
	SA_TOLD_HARD = 1u << 2,
	SA_TOLD_SEQUENCE = 1u << 3,
};

/* From here on an outbound SA without ESN asks for a rekey. */
#define SA_SEQUENCE_SOFT RG_SEQUENCE_SOFT
#define SA_SEQUENCE_LAST 0xffffffffu
/* ... and one with ESN; RFC 4303 2.2.1, never met. */
#define SA_ESN_SOFT 0x7fffffff00000000u
#define SA_ESN_LAST 0x7fffffffffffffffu

/* Outbound numbers that the record may be behind. Half of what is skipped after a crash: the worker that
 * reaches it may be in the middle of a burst. */
#define SA_LAG (RG_COUNTERS_RESUME / 2)

/* Bytes of an AES-128 key area that no code uses, where crypto.c says so: 10 rounds of 14. The first of them
 * share a line with the last round keys. */
#define SA_KEY_SPARE       176u
#define SA_KEY_SPARE_BYTES 64u

/* What the owner alone writes for each packet; main reads. In a line that the packet needs for its key too,
 * where there is room: a line less than if it were in the record itself. */
struct sa_live {
	uint64_t sequence; /* outbound: last used; inbound: highest accepted */
	uint32_t octets;   /* the lower halves of how many have passed: sa_counters() */
	uint32_t packets;
};

struct sa {
	/* line 1: read for every packet; immutable but for `state` */
	alignas(64) uint32_t spi; /* network byte order */
	uint32_t handle;
	struct tunnel *tunnel; /* outlives the SA */
	struct sa_live *live;  /* in the SA, with sa_rare() behind it */
	struct selectors4 sel4;
	/* Owner: the sequence number at which something may be due, the record for one: event_due()
	 * looks what, and sets the next. */
	uint64_t next_check;
	uint32_t salt; /* RFC 4106 4: the first 4 octets of the nonce, as they stand */
	/* owner, inbound: the newest bits of the replay window (replay.h) */
	uint32_t recent;
	uint8_t window_steps; /* inbound: sa_window() */
	uint8_t ring_mask;    /* inbound: blocks of the replay ring - 1 */
	uint8_t key_line;     /* the key area begins that many 64-byte lines into the SA */
	/* index of the worker; main before publication, then the owner alone, when
	 * it grants the SA to the next one (owner.h); read by sa_owner() */
	_Atomic uint8_t owner;
	uint8_t flags; /* enum sa_flags */
	uint8_t suite; /* enum rg_suite */
	/* enum sa_state; main and the owner store, workers load, relaxed: it
	 * carries no data, and one burst more of a dying SA is allowed */
	_Atomic uint8_t state;
	uint8_t told; /* owner: enum sa_told */
};

/* The rest, by sa_rare(). */
struct sa_rare {
	/* immutable: shared by SAs; NULL if sel4 says it all */
	const struct rg_api_lifetime *lifetime;
	const struct selectors *selectors;
	uint64_t cookie, added_ms;
	uint8_t df : 4;   /* enum rg_df */
	uint8_t mode : 4; /* enum rg_mode */
	uint8_t dscp;     /* as in struct rg_api_sa */
	uint8_t node;     /* NUMA node of its memory + 1; 0: any */

	/* main */
	uint8_t told_age;     /* enum sa_told, by time */
	uint32_t policies;    /* handle of the first one that sends through it */
	uint32_t tunnel_next; /* among the tunnel's SAs: sa_reference() */

	uint32_t event_ms; /* owner: last RG_EVENT_NEW_ADDRESS, the lower half; 0: none */
};

_Static_assert(sizeof(struct sa) == 64, "one line, and all that a packet needs but for its key's");
_Static_assert(sizeof(struct sa_live) + sizeof(struct sa_rare) == SA_KEY_SPARE_BYTES,
               "there may be a million");
_Static_assert(SA_KEY_SPARE / 64 == (SA_KEY_SPARE + sizeof(struct sa_live) - 1) / 64, "one line");

/* What a packet needs to know of its suite: a few lines that stay in the first cache. */
struct sa_shape {
	uint8_t iv, icv; /* octets on the wire */
	uint8_t room;    /* octets that must be free behind the cipher text: those of `icv` or more */
	uint8_t mask;    /* the cipher text is a multiple of this + 1: RFC 4303 2.4 */
	bool batched;    /* sealed and opened with others of the burst: crypto.h */
};
extern const struct sa_shape sa_shapes[RG_SUITE_END];

/* AES-GCM with a whole ICV, which nearly all packets have: stages know its shape when they are compiled. */
static const struct sa_shape sa_shape_gcm16 = {.iv = 8, .icv = 16, .room = 16, .mask = 3};

static inline bool sa_is_gcm16(const struct sa *sa)
{
	_Static_assert(RG_SUITE_AES128_GCM16 == 1 && RG_SUITE_AES256_GCM16 == 2 && RG_SUITE_AES192_GCM16 == 3,
	               "the lowest numbers are AES-GCM with a whole ICV");
	return __builtin_expect(sa->suite <= RG_SUITE_AES192_GCM16, 1);
}

/* `flags`, `suite`, `state` and `told` in one word, lowest first; `state` is stored by others, relaxed as
 * ever: sa_is_dead(). */
static inline uint32_t sa_word(const struct sa *sa)
{
	_Static_assert(offsetof(struct sa, suite) == offsetof(struct sa, flags) + 1 &&
	                       offsetof(struct sa, state) == offsetof(struct sa, flags) + 2 &&
	                       offsetof(struct sa, told) == offsetof(struct sa, flags) + 3,
	               "side by side, in that order");
	return __atomic_load_n((const uint32_t *)(const void *)&sa->flags, __ATOMIC_RELAXED);
}

/* Of sa_word(): alive, AES-GCM with a whole ICV, tunnel mode, outer headers as they are by themselves: nearly
 * every SA. */
static inline bool sa_word_is_plain(uint32_t word)
{
	_Static_assert(SA_LIVE == 0 && RG_SUITE_AES192_GCM16 == 3, "all bits zero, and the lower two");
	return (word & (SA_TRANSPORT | SA_BITS | 0xfcu << 8 | 0xffu << 16)) == 0;
}

/* Of sa_word(): sel4 says all, and the first packet was told. */
static inline bool sa_word_is_simple4(uint32_t word)
{
	return (~word & (SA_SIMPLE4 | (uint32_t)SA_TOLD_FIRST << 24)) == 0;
}

static inline const struct sa_shape *sa_shape(const struct sa *sa)
{
	return &sa_shapes[sa->suite];
}

static inline enum rg_direction sa_direction(const struct sa *sa)
{
	return sa->flags & SA_OUTBOUND ? RG_OUT : RG_IN;
}

/* A handle with its direction: outbound ones have the top bit. 0 is none. */
#define SA_REFERENCE_OUT (1u << 31)

static inline uint32_t sa_reference(const struct sa *sa)
{
	return sa->handle | (sa->flags & SA_OUTBOUND ? SA_REFERENCE_OUT : 0);
}

/* Outbound: the last number that may be sent (RFC 4303 3.3.3). */
static inline uint64_t sa_sequence_last(const struct sa *sa)
{
	return sa->flags & SA_ESN ? SA_ESN_LAST : SA_SEQUENCE_LAST;
}

/* Inbound: packets of the replay window. */
static inline uint32_t sa_window(const struct sa *sa)
{
	_Static_assert(REPLAY_WINDOW_MAX / REPLAY_WINDOW_STEP <= UINT8_MAX + 1 &&
	                       REPLAY_WINDOW_MAX / REPLAY_BLOCK <= UINT8_MAX + 1,
	               "steps and blocks, less one, fit into their bytes");
	return (sa->window_steps + 1u) * REPLAY_WINDOW_STEP;
}

/* Inbound, behind the hot line. */
static inline uint32_t *sa_ring(struct sa *sa)
{
	return (uint32_t *)(void *)(sa + 1);
}

/* Outbound: from here on the owner asks for a rekey. */
static inline uint64_t sa_sequence_soft(const struct sa *sa)
{
	return sa->flags & SA_ESN ? SA_ESN_SOFT : SA_SEQUENCE_SOFT;
}

/* Owner, or main before publication: when to look again, never too late (sa.c). `record` is the SA's, and up
 * to date. */
void sa_set_next_check(struct sa *sa, const struct rg_counters_sa *record);
/* Owner: brings the SA's record up to date. A reader finds there no less than was settled last; a number that
 * is missing there is at most SA_LAG (outbound) or the window (inbound) away. */
void sa_settle(const struct sa *sa, struct rg_counters_sa *record, uint64_t now_ms);
/* Any thread: the record as it would be if it were brought up to date now. */
struct rg_counters_sa sa_counters(const struct sa *sa, const struct rg_counters_sa *record, uint64_t now_ms);

/* The expanded key: as many bytes as its suite needs, at core_config.key_align. */
static inline const void *sa_key(const struct sa *sa)
{
	return (const uint8_t *)sa + (size_t)sa->key_line * 64;
}

/* In front of the key, or in the part of it that is spare: a line less for each SA. */
static inline struct sa_rare *sa_rare(const struct sa *sa)
{
	return (struct sa_rare *)(void *)(sa->live + 1);
}

/* Any thread. A worker that reads its own index has the SA to itself until it grants it. */
static inline uint16_t sa_owner(const struct sa *sa)
{
	/* pairs with the grant's release in owner.c; read it once for a decision */
	return atomic_load_explicit(&sa->owner, memory_order_acquire);
}

static inline bool sa_is_dead(const struct sa *sa)
{
	return atomic_load_explicit(&sa->state, memory_order_relaxed) != SA_LIVE;
}

/* The hot line, for each packet of a burst (lines.h). The key and what it points to: a pass later. */
static inline void sa_prefetch(const struct sa *sa)
{
	line_prefetch(sa);
}

/* A pass after sa_prefetch(): what the SA points to. */
static inline void sa_prefetch_more(const struct sa *sa)
{
	line_prefetch(sa->live);
	line_prefetch(sa->tunnel);
}

/* A pass after sa_prefetch(): the block of the replay ring that a packet with `low` will fill; only the first
 * of a block's does. */
static inline void sa_prefetch_ring(struct sa *sa, uint32_t low)
{
	if (__builtin_expect(low % REPLAY_BLOCK == 0, 0))
		line_prefetch(sa_ring(sa) + ((low / REPLAY_BLOCK - 1) & sa->ring_mask));
}

/* Owner: the full sequence number of a packet that carries `low` (host byte order). */
static inline uint64_t sa_infer(const struct sa *sa, uint32_t low)
{
	return replay_infer(sa->live->sequence, low, sa_window(sa), sa->flags & SA_ESN);
}

/* Owner, before the ICV. */
static inline enum drop sa_replay_check(struct sa *sa, uint64_t seq)
{
	return replay_check(sa_ring(sa), sa->ring_mask, sa->recent, sa_window(sa), sa->live->sequence, seq);
}

/* Owner, after the ICV. `*newest`: this number is the highest so far. */
static inline enum drop sa_replay_accept(struct sa *sa, uint64_t seq, bool *newest)
{
	*newest = seq > sa->live->sequence;
	return replay_accept(sa_ring(sa), sa->ring_mask, &sa->recent, sa_window(sa), &sa->live->sequence,
	                     seq);
}

/* Owner, after the ICV: a number above `top`, the highest so far, so nothing can be wrong. */
static inline void sa_replay_newest(struct sa *sa, uint64_t top, uint64_t seq)
{
	replay_advance(sa_ring(sa), sa->ring_mask, &sa->recent, top, seq);
	__atomic_store_n(&sa->live->sequence, seq, __ATOMIC_RELAXED); /* main reads it */
	sa->recent |= replay_bit(seq);
}

/*
 * Owner: the next outbound number, or 0 when they are used up. It is stored
 * before the packet is built, so a number that was returned never comes back,
 * whatever becomes of its packet (H69). sa_account() is next: at `next_check` the record is brought up to
 * date before another number is taken.
 */
static inline uint64_t sa_next_sequence(struct sa *sa)
{
	uint64_t seq = sa->live->sequence + 1;
	if (__builtin_expect(seq >= sa->next_check, 0) && seq > sa_sequence_last(sa))
		return 0;
	__atomic_store_n(&sa->live->sequence, seq, __ATOMIC_RELAXED);
	return seq;
}

/* The same where nothing is due: neither a limit nor an end is near. False says nothing, and no number is
 * taken. */
static inline bool sa_plain_number(struct sa *sa, uint64_t *number)
{
	struct sa_live *live = sa->live;

	*number = live->sequence + 1;
	if (__builtin_expect(*number >= sa->next_check, 0))
		return false;
	__atomic_store_n(&live->sequence, *number, __ATOMIC_RELAXED);
	return true;
}

/* By all its selectors: their line may be cold. */
bool sa_admits_any(const struct sa *sa, const uint8_t *ip, uint32_t len);

/* Does the inner packet (a whole header at least) belong to this SA? Most ask only the SA's own line. */
static inline bool sa_admits(const struct sa *sa, const uint8_t *ip, uint32_t len)
{
	if (__builtin_expect((sa->flags & SA_SIMPLE4) && ip[0] >> 4 == 4, 1))
		return selectors4_match(&sa->sel4, ip, sa->flags & SA_OUTBOUND);
	return sa_admits_any(sa, ip, len);
}

/* Owner: accounts for one packet of `bytes` inner bytes, after sa_plain_number(). */
static inline void sa_account_plain(const struct sa *sa, uint32_t bytes)
{
	struct sa_live *live = sa->live;
	__atomic_store_n(&live->octets, live->octets + bytes, __ATOMIC_RELAXED);
	__atomic_store_n(&live->packets, live->packets + 1, __ATOMIC_RELAXED);
}

/*
 * Owner: accounts for one packet of `bytes` inner bytes that was accepted or
 * sent. True if a limit may have been reached: call event_due().
 */
static inline bool sa_account(const struct sa *sa, uint32_t bytes)
{
	sa_account_plain(sa, bytes);
	return sa->live->sequence >= sa->next_check;
}

#endif
