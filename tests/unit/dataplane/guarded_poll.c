/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts each worker_poll() of a test under the guard (-Wl,--wrap): the same test is then also one of
 * "no system call, lock or allocation", in all the corners that it visits.
 */
#include "dataplane/worker.h"
#include "tests/support/guard.h"

unsigned __real_worker_poll(struct worker *w);
unsigned __wrap_worker_poll(struct worker *w);

unsigned __wrap_worker_poll(struct worker *w)
{
	static _Thread_local bool prepared;
	unsigned got;

	if (!prepared)
		(void)guard_prepare();
	prepared = true;
	guard_begin();
	got = __real_worker_poll(w);
	guard_end();
	return got;
}
