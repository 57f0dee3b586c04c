# SPDX-License-Identifier: Apache-2.0
"""Run by Nuke when it has windows. A failure here never stops Nuke."""

from __future__ import annotations

import logging

try:
    from xmempp_nuke import startup

    startup.add_menus()
except Exception:  # whatever it is, Nuke has to start
    logging.getLogger("xmempp_nuke").exception("XMem++ has no menus")
