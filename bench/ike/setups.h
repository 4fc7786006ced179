/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of bench/ike share; setups.c says what it measures. */
#ifndef RG_BENCH_IKE_SETUPS_H
#define RG_BENCH_IKE_SETUPS_H

#include "control/auth/auth.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define SETUPS_GATEWAY "192.0.2.1"
#define SETUPS_CLIENT  "192.0.2.2"

struct setups_options {
	const char *control; /* path of roamgate-control */
	bool ecdsa;          /* mutual ECDSA P-256; else a shared key */
	unsigned n;          /* setups */
	unsigned window;     /* at a time; 0: all at once */
	unsigned threads;    /* of the gateway's pool */
	unsigned cookies;    /* half-open SAs from which it asks for them */
	unsigned idle_s;     /* how long they are held for the idle figure; 0: not at all */
	unsigned profile_s;  /* pause before the first, for a profiler to attach */
	int gateway_cpu, client_cpu;
};

/* files.c: the folder with both configurations, keys and certificates. */
struct setups_files {
	char dir[64];
	char gateway_yaml[96], socket[96], control_socket[96];
	struct rg_auth **clients; /* one each with a certificate of its own; one for all with a shared key */
	unsigned n_clients;
};
void files_make(struct setups_files *f, const struct setups_options *o);
void files_remove(struct setups_files *f);

/* processes.c: what stands beside the clients. */
pid_t dataplane_fork(const struct setups_files *f, const struct setups_options *o);
pid_t gateway_fork(const struct setups_files *f, const struct setups_options *o);
void pin_to(int cpu);
double monotonic_s(void);
__attribute__((noreturn, format(printf, 1, 2))) void setups_fail(const char *format, ...);

/* clients.c: initiators over UDP sockets. */
struct clients_result {
	unsigned up, failed;
	double seconds, p50_ms, p99_ms;
};
void clients_run(const struct setups_files *f, const struct setups_options *o, struct clients_result *out);
/* Answers what the gateway asks for `seconds`. */
void clients_idle(unsigned seconds);

#endif
