/* SPDX-License-Identifier: Apache-2.0 */
/* See steer.h. */
#include "dataplane/steer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_flow.h>

#define PARTS   100u /* of the SAs looked at each tick: all within a second */
#define CHANGES 256u /* of rules in one tick: each may take the device some microseconds */

struct steer_rule {
	struct rte_flow *flow; /* NULL: none */
	uint32_t spi;
	uint16_t owner;
	uint8_t port, family, encap;
};

/* ESP with the SPI, in the encapsulation that the rule names, to the owner's queue. `validate`: only ask. */
static struct rte_flow *call_device(const struct port *port, const struct steer_rule *r, bool validate,
                                    int *rc, struct rte_flow_error *error)
{
	const struct rte_flow_attr attr = {.ingress = 1};
	const struct rte_flow_item_udp udp = {.hdr.dst_port = RTE_BE16(4500)},
	                               udp_mask = {.hdr.dst_port = 0xffff};
	const struct rte_flow_item_esp esp = {.hdr.spi = r->spi}, esp_mask = {.hdr.spi = UINT32_MAX};
	const struct rte_flow_action_queue queue = {.index = r->owner};
	const struct rte_flow_action actions[] = {{.type = RTE_FLOW_ACTION_TYPE_QUEUE, .conf = &queue},
	                                          {.type = RTE_FLOW_ACTION_TYPE_END}};
	struct rte_flow_item items[5] = {{.type = RTE_FLOW_ITEM_TYPE_ETH}};
	unsigned n = 1;

	items[n++].type = r->family == 4 ? RTE_FLOW_ITEM_TYPE_IPV4 : RTE_FLOW_ITEM_TYPE_IPV6;
	if (r->encap == RG_ENCAP_UDP)
		items[n++] = (struct rte_flow_item){
		        .type = RTE_FLOW_ITEM_TYPE_UDP, .spec = &udp, .mask = &udp_mask};
	items[n++] = (struct rte_flow_item){.type = RTE_FLOW_ITEM_TYPE_ESP, .spec = &esp, .mask = &esp_mask};
	items[n].type = RTE_FLOW_ITEM_TYPE_END;
	if (validate) {
		*rc = rte_flow_validate(port->ethdev, &attr, items, actions, error);
		return NULL;
	}
	return rte_flow_create(port->ethdev, &attr, items, actions, error);
}

static bool can_steer(const struct port *port)
{
	const struct steer_rule sample = {.spi = RTE_BE32(0x10000100), .family = 4};
	struct rte_flow_error error = {0};
	int rc = 0;

	call_device(port, &sample, true, &rc, &error);
	if (rc == 0)
		fprintf(stderr, "port %s: the device steers ESP to its worker by SPI\n", port->name);
	else
		fprintf(stderr, "port %s: no steering by SPI, packets are handed over between workers: %s\n",
		        port->name, error.message != NULL ? error.message : strerror(-rc));
	return rc == 0;
}

int steer_open(struct steer *s, struct dp *dp)
{
	bool any = false;

	*s = (struct steer){.dp = dp};
	for (unsigned i = 0; dp->n_workers > 1 && i < dp->n_ports; i++) {
		s->port[i] = !dp->port[i].network && can_steer(&dp->port[i]);
		any |= s->port[i];
	}
	if (!any)
		return 0;
	s->rules = calloc(dp->core->capacity, sizeof(*s->rules));
	return s->rules == NULL ? -ENOMEM : 0;
}

/* The rule that an SA should have. False: none, as its path leads nowhere or to a device that cannot. */
static bool wanted(const struct steer *s, const struct sa *sa, struct steer_rule *want)
{
	const struct path *path;
	const struct nexthop *nh;

	if (sa == NULL)
		return false;
	path = tunnel_path(sa->tunnel);
	nh = nexthop_load(path->nexthop);
	if (nh == NULL || nh->port >= PORT_MAX || !s->port[nh->port])
		return false;
	*want = (struct steer_rule){.spi = sa->spi,
	                            .owner = sa_owner(sa),
	                            .port = (uint8_t)nh->port,
	                            .family = path->family,
	                            .encap = path->encap};
	return true;
}

static bool is_same(const struct steer_rule *a, const struct steer_rule *b)
{
	return a->spi == b->spi && a->owner == b->owner && a->port == b->port && a->family == b->family &&
	       a->encap == b->encap;
}

static void drop_rule(struct steer *s, struct steer_rule *r)
{
	struct rte_flow_error error;

	(void)rte_flow_destroy(s->dp->port[r->port].ethdev, r->flow, &error);
	*r = (struct steer_rule){0};
	s->count--;
	s->full = false;
}

static void add_rule(struct steer *s, struct steer_rule *r, const struct steer_rule *want)
{
	struct rte_flow_error error = {0};
	int rc = 0;

	*r = *want;
	r->flow = call_device(&s->dp->port[want->port], want, false, &rc, &error);
	if (r->flow != NULL) {
		s->count++;
		return;
	}
	*r = (struct steer_rule){0};
	s->full = true;
	if (s->told)
		return;
	s->told = true;
	fprintf(stderr, "port %s: no room for more than %u rules that steer by SPI: %s\n",
	        s->dp->port[want->port].name, s->count, error.message != NULL ? error.message : "refused");
}

/* How many changes it took to set one SA's rule right. */
static unsigned set_right(struct steer *s, uint32_t index)
{
	const struct sa *sa = atomic_load_explicit(&s->dp->core->sas[RG_IN][index], memory_order_relaxed);
	struct steer_rule want, *r = &s->rules[index];
	bool any = wanted(s, sa, &want);
	unsigned changes = 0;

	if (r->flow != NULL && !(any && is_same(r, &want))) {
		drop_rule(s, r);
		changes++;
	}
	if (any && r->flow == NULL && !s->full) {
		add_rule(s, r, &want);
		changes++;
	}
	return changes;
}

void steer_tick(struct steer *s)
{
	uint32_t part, changes = 0;

	if (s->rules == NULL)
		return;
	part = s->dp->core->capacity / PARTS + 1;
	for (; part > 0 && changes < CHANGES; part--) {
		changes += set_right(s, s->at);
		s->at = (s->at + 1) & (s->dp->core->capacity - 1);
	}
}

void steer_close(struct steer *s)
{
	for (uint32_t i = 0; s->rules != NULL && i < s->dp->core->capacity; i++)
		if (s->rules[i].flow != NULL)
			drop_rule(s, &s->rules[i]);
	free(s->rules);
	s->rules = NULL;
}
