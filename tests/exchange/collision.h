/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collisions of RFC 7296 2.8 and 2.25 as message traces, one table a kind. Both ends begin
 * something at one moment; the order says what of it arrives when: C and G are the oldest request of client
 * and gateway on the network, c and g their oldest answer, '-' before one loses it. Then the network is as
 * any, until both ends are quiet.
 *
 * The trace has every datagram that was sent: "c?2:CREATE" is the client's request 2, CREATE_CHILD_SA;
 * "g!2" the answer to it, "g!2:TEMPORARY_FAILURE" one that refuses. "DELETE" names what it deletes, in
 * requests and in answers: a Child SA that was there before ("old"), one that came about in the collision
 * ("new"), or the IKE SA ("ike").
 */
#ifndef RG_TESTS_COLLISION_H
#define RG_TESTS_COLLISION_H

#include <stddef.h>

struct collision {
	/* a: rekey of Child SA "a"; b: of "b"; d: Delete of "a"; i: rekey of the IKE SA; x: its Delete */
	char client, gateway;
	unsigned seed; /* of the nonces: who wins */
	const char *order;
	unsigned children; /* that are left; 0: nor is an IKE SA */
	const char *trace;
};

extern const struct collision collisions_child_rekeys[], collisions_child_deletes[], collisions_ike_rekeys[],
        collisions_ike_and_child[], collisions_ike_deletes[];
extern const size_t n_collisions_child_rekeys, n_collisions_child_deletes, n_collisions_ike_rekeys,
        n_collisions_ike_and_child, n_collisions_ike_deletes;

#endif
