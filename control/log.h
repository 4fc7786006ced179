/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log of roamgate-control: one line an event to stderr, "component: text",
 * escaped, and throttled by component and level so that no peer can fill a disk
 * (H78). Event loop's thread only.
 */
#ifndef RG_CONTROL_LOG_H
#define RG_CONTROL_LOG_H

#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

#define LOG_BURST 200 /* lines of one component and level at once */
#define LOG_RATE  20  /* and a second after that */

void log_set_level(enum log_level level);
void log_line(enum log_level level, const char *component, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* Lines that were not written because of their rate. */
uint64_t log_suppressed(void);

#define log_error(component, ...)   log_line(LOG_LEVEL_ERROR, component, __VA_ARGS__)
#define log_warning(component, ...) log_line(LOG_LEVEL_WARNING, component, __VA_ARGS__)
#define log_info(component, ...)    log_line(LOG_LEVEL_INFO, component, __VA_ARGS__)
#define log_debug(component, ...)   log_line(LOG_LEVEL_DEBUG, component, __VA_ARGS__)

#endif
