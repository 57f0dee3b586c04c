# SPDX-License-Identifier: Apache-2.0
"""Run by Nuke at every start, with windows or without. A failure here never stops Nuke."""

from __future__ import annotations

import logging

try:
    from xmempp_nuke import startup

    startup.add_callbacks()
except Exception:  # whatever it is, Nuke has to start
    logging.getLogger("xmempp_nuke").exception("XMem++ is not available")
