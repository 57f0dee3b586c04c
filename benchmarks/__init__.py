# SPDX-License-Identifier: Apache-2.0
"""Measurements, run by hand from the root of the repository; none is imported by the engine."""
