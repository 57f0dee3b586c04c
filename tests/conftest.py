# SPDX-License-Identifier: Apache-2.0
"""What all tests share: few threads, and property tests that do the same at every run."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# Read when torch is imported; tests that need no torch do not pay for importing it here.
# Threads that wait for each other on a busy machine make small networks ten times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile(
    "project", deadline=None, derandomize=True, database=None, max_examples=50
)
settings.register_profile("quick", parent=settings.get_profile("project"), max_examples=10)
settings.load_profile("project")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a skipped test is a failure: everything that a test needs is installed there."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
