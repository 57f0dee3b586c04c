# SPDX-License-Identifier: Apache-2.0
"""Measurements, run by hand from the root of the repository; none is imported by the engine."""

import os

# As in the command line: threads that wait for each other sleep. Read when torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
