/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roamgate-control: arguments, limits of the process, the loop. Main thread.
 */
#include "control/control.h"
#include "control/ike/crypto/prf.h"
#include "control/log.h"
#include "control/version.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define SECURE_HEAP   (16u << 20)       /* for private keys and shared secrets; a power of two */
#define HEAP_RESERVED ((size_t)1 << 29) /* sessions of some 90,000 clients */
#define HEAP_TOUCHED  ((size_t)4 << 20)
#define HUGE_PAGE     ((size_t)2 << 20)
#define MMAP_FROM     (1 << 20) /* octets: what is as large has a mapping of its own */
#define MMAP_MOST     65536

static const char usage[] = "usage: roamgate-control --config FILE\n"
                            "  -c, --config FILE  the configuration (docs/configuration.md)\n"
                            "      --foreground   accepted for symmetry; there is no other mode\n"
                            "  -V, --version\n"
                            "  -h, --help\n";

/* No core dump, no debugger of another user, and no key in swap. */
static void protect_memory(void)
{
	struct rlimit none = {0, 0}, all = {RLIM_INFINITY, RLIM_INFINITY};

	if (setrlimit(RLIMIT_CORE, &none) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0)
		log_warning("control", "core dumps cannot be switched off: %s", strerror(errno));
	if (CRYPTO_secure_malloc_init(SECURE_HEAP, 64) == 0)
		log_warning("control", "no locked heap for private keys");
	/* Without the permission to lock everything only that heap is locked. MCL_ONFAULT: what is never
	 * used need not be resident. */
	if (setrlimit(RLIMIT_MEMLOCK, &all) < 0 || mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0)
		log_warning(
		        "control",
		        "memory cannot be locked (%s): session keys may reach swap; grant CAP_IPC_LOCK or "
		        "raise LimitMEMLOCK",
		        strerror(errno));
}

/* Clients come by the thousand, and a page fault takes as long as a twelfth of X25519. So the heap has its
 * addresses at once, which the kernel may back by huge pages; what tables and buffers take of it is touched
 * now, and nothing is given back. Beyond it, and where the kernel does not promise that much, it grows as
 * ever. */
static void reserve_heap(void)
{
	uint8_t *whole;

	if (mallopt(M_TRIM_THRESHOLD, INT_MAX) == 0) /* a sanitizer's heap, which is another */
		return;
	mallopt(M_MMAP_MAX, 0);
	whole = malloc(HEAP_RESERVED);
	if (whole) {
		uint8_t *first = whole + HUGE_PAGE - (uintptr_t)whole % HUGE_PAGE;

		/* refused where the kernel has none: then its pages are small ones */
		(void)madvise(first, HEAP_RESERVED - HUGE_PAGE, MADV_HUGEPAGE);
		explicit_bzero(whole, HEAP_TOUCHED);
	}
	free(whole);
	mallopt(M_MMAP_MAX, MMAP_MOST);
	mallopt(M_MMAP_THRESHOLD, MMAP_FROM);
}

static const char *parse(int argc, char **argv)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
	                                        {"foreground", no_argument, NULL, 'f'},
	                                        {"version", no_argument, NULL, 'V'},
	                                        {"help", no_argument, NULL, 'h'},
	                                        {0}};
	const char *file = NULL;
	int option;

	while ((option = getopt_long(argc, argv, "c:Vh", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			file = optarg;
			break;
		case 'f':
			break;
		case 'V':
			puts("roamgate-control " RG_VERSION);
			exit(EXIT_SUCCESS);
		case 'h':
			fputs(usage, stdout);
			exit(EXIT_SUCCESS);
		default:
			fputs(usage, stderr);
			exit(2);
		}
	}
	if (!file || optind < argc) {
		fputs(usage, stderr);
		exit(2);
	}
	return file;
}

int main(int argc, char **argv)
{
	const char *file = parse(argc, argv);
	static struct control control;

	ike_crypto_few_names();
	signal(SIGPIPE, SIG_IGN);
	setenv("UV_THREADPOOL_SIZE", "1",
	       1); /* for files that are read again; the core's jobs have a pool of their own */
	protect_memory();
	reserve_heap();
	if (control_init(&control, file) < 0)
		return EXIT_FAILURE;
	log_info("control", "roamgate-control " RG_VERSION " runs with %s", file);
	uv_run(&control.loop, UV_RUN_DEFAULT);
	control_fini(&control);
	log_info("control", "stopped");
	uv_library_shutdown(); /* ends the thread of libuv's pool, which has random state in the locked heap
	                        */
	return EXIT_SUCCESS;
}
