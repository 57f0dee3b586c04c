# SPDX-License-Identifier: Apache-2.0
"""A strict stand-in for Nuke, written by hand: see `app.App`.

It has no name that the stubs of Nuke lack, touches nodes in the main thread only, refuses
knobs, channels and values that Nuke refuses, and renders real EXRs.
"""

from __future__ import annotations

from .app import App
from .module import make_module

__all__ = ["App", "make_module"]
