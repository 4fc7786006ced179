/* SPDX-License-Identifier: Apache-2.0 */
/* See guard.h. Linked as an object, so that these definitions come before those of the C library. */
#include "tests/support/guard.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/prctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* what glibc's own functions are called besides */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t align, size_t size);
void __libc_free(void *p);

/* the kernel reads it at each system call */
static _Thread_local volatile char guarded = SYSCALL_DISPATCH_FILTER_ALLOW;

static void accuse(const char *what)
{
	static const char words[] = "guard: a worker called ";

	guarded = SYSCALL_DISPATCH_FILTER_ALLOW;
	(void)!write(STDERR_FILENO, words, sizeof(words) - 1);
	(void)!write(STDERR_FILENO, what, strlen(what));
	(void)!write(STDERR_FILENO, "\n", 1);
	abort();
}

static void watch(const char *what)
{
	if (guarded != SYSCALL_DISPATCH_FILTER_ALLOW)
		accuse(what);
}

static void on_syscall(int signal, siginfo_t *info, void *context)
{
	char text[] = "system call ....";
	unsigned nr = (unsigned)info->si_syscall;

	(void)signal, (void)context;
	guarded = SYSCALL_DISPATCH_FILTER_ALLOW;
	for (unsigned i = sizeof(text) - 2; i > sizeof(text) - 6; i--, nr /= 10)
		text[i] = (char)('0' + nr % 10);
	accuse(text);
}

bool guard_prepare(void)
{
	const struct sigaction action = {.sa_sigaction = on_syscall, .sa_flags = SA_SIGINFO};

	sigaction(SIGSYS, &action, NULL);
	return prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0, 0, &guarded) == 0;
}

void guard_begin(void)
{
	guarded = SYSCALL_DISPATCH_FILTER_BLOCK;
}

void guard_end(void)
{
	guarded = SYSCALL_DISPATCH_FILTER_ALLOW;
}

/* --- memory --- */

void *malloc(size_t size)
{
	watch("malloc");
	return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	watch("calloc");
	return __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
	watch("realloc");
	return __libc_realloc(p, size);
}

void *aligned_alloc(size_t align, size_t size)
{
	watch("aligned_alloc");
	return __libc_memalign(align, size);
}

void *memalign(size_t align, size_t size);
void *memalign(size_t align, size_t size)
{
	watch("memalign");
	return __libc_memalign(align, size);
}

int posix_memalign(void **out, size_t align, size_t size)
{
	watch("posix_memalign");
	*out = __libc_memalign(align, size);
	return *out == NULL ? ENOMEM : 0;
}

void free(void *p)
{
	watch("free");
	__libc_free(p);
}

/* --- locks: the next definition in the order of libraries is glibc's --- */

#define LOCK(name, type)                                                                                     \
	int name(type *lock)                                                                                 \
	{                                                                                                    \
		static int (*_Atomic next)(type *);                                                          \
		int (*call)(type *) = next;                                                                  \
		watch(#name);                                                                                \
		if (call == NULL)                                                                            \
			next = call = (int (*)(type *))(uintptr_t)dlsym(RTLD_NEXT, #name);                   \
		return call(lock);                                                                           \
	}

LOCK(pthread_mutex_lock, pthread_mutex_t)
LOCK(pthread_mutex_trylock, pthread_mutex_t)
LOCK(pthread_rwlock_rdlock, pthread_rwlock_t)
LOCK(pthread_rwlock_wrlock, pthread_rwlock_t)
