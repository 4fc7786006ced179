# SPDX-License-Identifier: Apache-2.0
"""One dataplane for each module; sessions that a test makes end with it."""
import itertools

import pytest

from world import Session, World

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def workers(request):
    return getattr(request.module, "WORKERS", (0,))


@pytest.fixture(scope="module")
def world(new_lab, workers):
    with new_lab() as lab:
        world = World(lab, workers)
        yield world
        assert world.close() == 0, world.process.text()


@pytest.fixture
def session(world):
    """A function that makes a session; see world.Session."""
    made = []

    def make(**kw):
        made.append(Session(world, next(_numbers), **kw))
        return made[-1]
    world.clear()
    yield make
    for s in made:
        s.close()


@pytest.fixture
def drops(world):
    """A function that tells which drop counters moved since the last call."""
    def read():
        # the kernels' own chatter is nobody's: group reports on the TUN, odd EtherTypes
        return {k: v for k, v in world.api.drops().items() if k not in ("no-forward", "rx-vlan")}
    before = read()

    def moved():
        nonlocal before
        now = read()
        out = {k: v - before.get(k, 0) for k, v in now.items() if v != before.get(k, 0)}
        before = now
        return out
    return moved
