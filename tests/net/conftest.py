# SPDX-License-Identifier: Apache-2.0
"""What every namespace test has: a lab that is always cleaned up, a time limit of
its own, and the logs of a failed test in build/logs/net/."""
import os
import re
import signal
from contextlib import contextmanager

import pytest

from lab import BUILD, Lab, terminate_on_signals

LIMIT = 120  # seconds for one test; a hung one must not use up the suite's budget


def pytest_addoption(parser):
    parser.addoption("--full", action="store_true", help="the whole matrix, not a pairwise cover of it")


def pytest_configure(config):
    terminate_on_signals()
    config.addinivalue_line("markers", "limit(seconds): instead of the usual time limit")


def pytest_collection_modifyitems(items):
    if os.geteuid() != 0:
        raise pytest.UsageError("these tests need root, for network namespaces")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    marker = item.get_closest_marker("limit")
    limit = marker.args[0] if marker else LIMIT

    def expired(_number, _frame):
        raise TimeoutError(f"{item.name} took over {limit} s")
    signal.signal(signal.SIGALRM, expired)
    signal.alarm(limit)
    try:
        yield
    finally:
        signal.alarm(0)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        item.session.stash.setdefault(FAILED, []).append(item.nodeid)


FAILED = pytest.StashKey()


@contextmanager
def _kept(session):
    """A lab whose files are kept if a test failed while it was open."""
    failed = session.stash.setdefault(FAILED, [])
    before = len(failed)
    with Lab() as lab:
        yield lab
        if len(failed) > before:
            lab.close(os.path.join(BUILD, "logs", "net", re.sub(r"[^A-Za-z0-9]+", "-", failed[-1]).strip("-")))


@pytest.fixture
def lab(request):
    with _kept(request.session) as lab:
        yield lab


@pytest.fixture(scope="module")
def new_lab(request):
    """A function that opens a lab, for fixtures that many tests share."""
    return lambda: _kept(request.session)
