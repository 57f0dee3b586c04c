# SPDX-License-Identifier: Apache-2.0
"""What all tests share: few threads, and property tests that do the same at every run."""

from __future__ import annotations

import os

from hypothesis import settings

# Read when torch is imported; tests that need no torch do not pay for importing it here.
# Threads that wait for each other on a busy machine make small networks ten times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile(
    "project", deadline=None, derandomize=True, database=None, max_examples=50
)
settings.register_profile("quick", parent=settings.get_profile("project"), max_examples=10)
settings.load_profile("project")
