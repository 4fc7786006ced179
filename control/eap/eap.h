/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EAP without a lower layer (RFC 3748): one conversation as server or as peer, packet in,
 * packet out. Methods are entries of a table and know nothing of IKE; the frame does identity,
 * Nak, identifiers and limits. No I/O, no clock; a conversation is one thread's at a time, so a
 * step may run on a pool's thread while its owner waits for the answer.
 */
#ifndef RG_CONTROL_EAP_EAP_H
#define RG_CONTROL_EAP_EAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EAP_MAX_PACKET 4096u /* octets of a packet that is taken (H25) */
#define EAP_MAX_SEND   1024u /* of one that we make */
#define EAP_MAX_ROUNDS 40u   /* packets of the other side in one conversation (H25) */
#define EAP_MAX_NAME   253u  /* octets of an identity, as of a NAI (RFC 7542 2.3) */
#define EAP_MSK_LEN    64u

enum eap_type {
	EAP_TYPE_IDENTITY = 1,
	EAP_TYPE_NOTIFICATION = 2,
	EAP_TYPE_NAK = 3,
	EAP_TYPE_MSCHAPV2 = 26,
};

enum eap_code { EAP_CODE_REQUEST = 1, EAP_CODE_RESPONSE, EAP_CODE_SUCCESS, EAP_CODE_FAILURE };

/* Someone who may prove a password. */
struct eap_user {
	char name[EAP_MAX_NAME + 1]; /* as the list of users writes it: the identity that counts */
	uint8_t nt_hash[16];         /* RFC 2759 8.3 */
};

/* What a conversation asks of its owner. Called on the thread of the step. */
struct eap_env {
	/* Finds a user by the name that a packet gave. False: there is none; `user` is filled all
	 * the same, with a hash that nobody's password has, so that it costs the same (H29). */
	bool (*user)(const void *context, const uint8_t *name, size_t len, struct eap_user *user);
	int (*random)(uint8_t *out, size_t len); /* 0 or negative errno */
};

enum eap_verdict {
	EAP_GOES_ON,   /* eap->out is to be sent */
	EAP_SUCCEEDED, /* server: eap->out is Success; peer: nothing is to be sent */
	EAP_FAILED,    /* server: eap->out is Failure; peer: nothing is to be sent. eap->why says why */
};

enum eap_state {
	EAP_STATE_START,    /* peer: nothing heard; server: nothing said */
	EAP_STATE_IDENTITY, /* server: asked who it is */
	EAP_STATE_METHOD,   /* server: a method was proposed; peer: one has begun */
	EAP_STATE_PROVEN,   /* peer: the method is through, Success may come */
	EAP_STATE_OVER,
};

struct eap {
	const struct eap_env *env;
	const void *context;
	bool is_server;
	enum eap_state state;
	uint8_t identifier; /* server: of the request that waits for its response */
	unsigned rounds;
	const struct eap_method *method;
	void *method_state;
	bool method_spoke; /* the other side has taken part in it: no Nak any more */
	uint32_t tried;    /* server: indexes of methods that were proposed */
	char own_name[EAP_MAX_NAME + 1];
	uint8_t said_name[EAP_MAX_NAME]; /* server: the identity that the peer claims, nothing more */
	size_t said_len;
	struct eap_user user; /* server: whom the method authenticated; the hash is wiped */
	uint8_t msk[EAP_MSK_LEN];
	size_t msk_len;  /* 0: the method makes no key */
	bool violation;  /* EAP_FAILED because the other side broke the protocol (H24, H25) */
	const char *why; /* static; for operators, never for the peer */
	uint8_t out[EAP_MAX_SEND];
	size_t out_len;
};

/* What a method's step says. */
enum eap_step {
	EAP_STEP_REPLY,  /* its data in `out` is to be sent */
	EAP_STEP_PROVEN, /* the other side is who it says. Server: no more to send. Peer: `out` goes first */
	EAP_STEP_FAIL,   /* the proof failed */
	EAP_STEP_VIOLATION, /* malformed, or out of order */
};

/* Type-data of a method's packet: written behind code, identifier, length and type. */
struct eap_out {
	uint8_t *data;
	size_t cap, len;
};

struct eap_method {
	uint8_t type;
	const char *name;
	size_t state_size; /* zeroed memory that the frame gives and wipes */
	/* Server: the first request. 0 or negative errno. Peer: NULL, the server begins. */
	int (*start)(struct eap *eap, void *state, struct eap_out *out);
	/* The other side's type-data, at most EAP_MAX_PACKET octets. Sets eap->why where it fails. */
	enum eap_step (*step)(struct eap *eap, void *state, const uint8_t *data, size_t len,
	                      struct eap_out *out);
	/* After EAP_STEP_PROVEN: fills eap->msk and msk_len; server: eap->user was set by step. */
	int (*finish)(struct eap *eap, void *state);
	/* What lies outside of `state`, NULL: nothing. */
	void (*wipe)(void *state);
};

/* The methods that a side has, best first. */
extern const struct eap_method *const eap_server_methods[];
extern const size_t eap_n_server_methods;
extern const struct eap_method *const eap_peer_methods[];
extern const size_t eap_n_peer_methods;

/* `own_name`: the server's name for methods that say it; the peer's user name. Longer ones are
 * cut. NULL: no memory. */
struct eap *eap_new(bool is_server, const struct eap_env *env, const void *context, const char *own_name);
void eap_free(struct eap *eap); /* wipes; NULL: nothing */

/* Server: the first request, of the identity, or where the peer has given it otherwise, of the
 * first method. 0 or negative errno. */
int eap_begin(struct eap *eap, const uint8_t *identity, size_t len);

/* A whole packet of the other side. */
enum eap_verdict eap_input(struct eap *eap, const uint8_t *packet, size_t len);

/* server.c and peer.c: the two halves of eap_input(), for a packet whose frame is sound. */
enum eap_verdict eap_server_input(struct eap *eap, const uint8_t *packet, size_t len);
enum eap_verdict eap_peer_input(struct eap *eap, const uint8_t *packet, size_t len);

/* For them: a packet without data, one with a type and its data; the end. */
void eap_put(struct eap *eap, uint8_t code, uint8_t identifier);
void eap_put_typed(struct eap *eap, uint8_t code, uint8_t identifier, uint8_t type, const void *data,
                   size_t len);
struct eap_out eap_typed(struct eap *eap); /* where a method writes its data in eap->out ... */
void eap_typed_end(struct eap *eap, uint8_t code, uint8_t identifier, const struct eap_out *out);
enum eap_verdict eap_fail(struct eap *eap, bool violation, const char *why);
/* Gives eap->method its state. 0 or -ENOMEM. */
int eap_method_take(struct eap *eap, const struct eap_method *method);

#endif
