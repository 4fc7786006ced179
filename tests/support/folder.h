/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Folders of a test's own under /tmp. What the test does not remove itself goes with the process, whether it
 * ends after an assertion that failed or by a signal that can be caught. Made and removed by one thread.
 */
#ifndef RG_TESTS_SUPPORT_FOLDER_H
#define RG_TESTS_SUPPORT_FOLDER_H

#include <stdbool.h>

#define FOLDER_PATH 64 /* bytes of its path */
#define FOLDER_MOST 64 /* at a time */

/* /tmp/NAME-XXXXXX; `name` has 40 bytes at most. False: there is none, errno says why. A child of this
 * process that is forked later does not take the folder along when it ends. */
bool folder_make(char path[FOLDER_PATH], const char *name);
/* With the files in it. False: it is still there, since something else is in it. */
bool folder_remove(const char *path);

#endif
