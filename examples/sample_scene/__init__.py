# SPDX-License-Identifier: Apache-2.0
"""The scene of the sample shot, built from nothing inside Blender (see ``make_sample_shot.py``)."""

FIRST_FRAME = 1001
LAST_FRAME = 1048
