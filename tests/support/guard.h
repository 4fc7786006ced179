/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread that promised to make no system call, take no lock and allocate nothing is held to
 * it: between guard_begin() and guard_end() each of them ends the process by SIGABRT, with a line that names
 * it. System calls are caught by the kernel (syscall user dispatch, Linux 5.11), the rest by functions of the
 * same names in guard.c, which the program and all shared libraries call instead of the C library's.
 */
#ifndef RG_TESTS_SUPPORT_GUARD_H
#define RG_TESTS_SUPPORT_GUARD_H

#include <stdbool.h>

/* Any thread, once, before it is guarded. False: the kernel cannot; then only locks and memory are watched.
 */
bool guard_prepare(void);
void guard_begin(void);
void guard_end(void);

#endif
