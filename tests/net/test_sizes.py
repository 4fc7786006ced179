# SPDX-License-Identifier: Apache-2.0
"""TCP through every mode over a path that takes 1280 bytes, with nothing configured for it: {4in4, 4in6,
6in4, 6in6} in UDP with strongSwan. The path's routers say what fits, as routers do."""
import pytest

from lab import ip, wait_for
from scene import Scene
from tcp import transfer

PATH_MTU = 1280
CASES = [(4, 4), (4, 6), (6, 4), (6, 6)]  # (inner, outer)


def narrow(scene):
    """Both ways over the router no more than PATH_MTU bytes."""
    router = scene.net.router
    for version in (4, 6):
        for interface in ("wlan", "isp1", "isp2"):
            found = [r.split()[0] for r in ip("-n", router, f"-{version}", "route", "show", "dev", interface).splitlines()
                     if "kernel" in r and not r.startswith("fe80")]
            for prefix in found:
                ip("-n", router, f"-{version}", "route", "del", prefix, "dev", interface)
                ip("-n", router, f"-{version}", "route", "add", prefix, "dev", interface, "mtu", "lock", PATH_MTU)


@pytest.fixture(scope="module", params=(4, 6), ids=("ipv4", "ipv6"))
def scene(request, new_lab):
    with new_lab() as lab:
        scene = Scene(lab, "psk", access={"wlan": str(request.param)})
        scene.outer = request.param
        narrow(scene)
        scene.connect()
        wait_for("the session", scene.client)
        yield scene
        scene.stop_laptop()


@pytest.mark.parametrize("inner", (4, 6))
def test_tcp_through_a_narrow_path(scene, inner):
    transfer(scene.net.laptop, scene.net.server, scene.net.server_addresses[inner], 5000 + inner)
    tunnel, = scene.gateway.ctl("dataplane", "tunnels")["tunnels"]
    assert tunnel["mtu"] == PATH_MTU
    assert scene.gateway.counter("pmtu-told") > 0
