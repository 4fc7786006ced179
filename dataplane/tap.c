/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /dev/net/tun. Devices are not persistent, so none is left behind. Main.
 */
#include "dataplane/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static void explain(int err, const char *name, char *error, size_t error_len)
{
	if (err == EBUSY || err == EINVAL)
		snprintf(
		        error, error_len,
		        "interface %s exists already and is not ours: another dataplane runs here, or a port "
		        "has the name of its own device; rename one of them",
		        name);
	else if (err == EPERM || err == EACCES)
		snprintf(error, error_len, "interface %s: not permitted; CAP_NET_ADMIN is needed", name);
	else
		snprintf(error, error_len, "interface %s: %s", name, strerror(err));
}

int tap_open(const char *name, bool tun, char *error, size_t error_len)
{
	struct ifreq ifr = {.ifr_flags = (short)((tun ? IFF_TUN : IFF_TAP) | IFF_NO_PI | IFF_TUN_EXCL)};
	int fd, rc;

	if (strlen(name) >= IFNAMSIZ) {
		snprintf(error, error_len, "interface %s: a name has at most %d characters", name,
		         IFNAMSIZ - 1);
		return -ENAMETOOLONG;
	}
	memcpy(ifr.ifr_name, name, strlen(name) + 1);
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		rc = -errno;
		snprintf(error, error_len, "/dev/net/tun: %s; load the module: modprobe tun", strerror(-rc));
		return rc;
	}
	if (ioctl(fd, TUNSETIFF, &ifr) != 0) {
		rc = -errno;
		explain(-rc, name, error, error_len);
		close(fd);
		return rc;
	}
	return fd;
}

int tap_set_carrier(int fd, bool up)
{
	int on = up;
	return ioctl(fd, TUNSETCARRIER, &on) == 0 ? 0 : -errno;
}
