#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# H42: a clock that steps by a year does nothing to the IKE core and to homing, since they have no
# clock: time is what the loop tells them, which reads CLOCK_MONOTONIC. Arguments: the process around
# them (where a clock must be found, or this test sees nothing), then the archives without one.
# X.509 validity and the events' wall clock are outside of both.
clocks=' U (time|gettimeofday|clock_gettime|clock|localtime|localtime_r|gmtime|gmtime_r|mktime|timespec_get|uv_now|uv_hrtime)$'

if ! nm "$1" | grep -qE "$clocks"; then
	echo "no clock is found in $1, where there is one: this test is blind"
	exit 1
fi
shift
if nm "$@" | grep -E "$clocks"; then
	echo "the IKE core or homing reads a clock"
	exit 1
fi
