/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that runs out when a test wants it to: what a program linked with
 * `faults_dep` allocates with malloc() and its relatives (its static libraries
 * too), and what OpenSSL allocates, is counted, and one allocation of the
 * test's choice finds no memory. One thread.
 */
#ifndef RG_TESTS_FAULTS_H
#define RG_TESTS_FAULTS_H

#include <stdbool.h>

/* Once, before anything uses OpenSSL. */
bool faults_install(void);
/* From now on allocations count from 1, and that number `fail_at` fails; 0: none does. */
void faults_begin(unsigned long fail_at);
/* No allocation counts or fails any more; returns how many there were. */
unsigned long faults_end(void);

#endif
