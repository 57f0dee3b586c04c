# SPDX-License-Identifier: Apache-2.0
"""The version of the protocol, counted apart from the version of the software."""

from __future__ import annotations

from .errors import VersionMismatch

__all__ = ["PROTOCOL", "check_protocol", "spelled"]

PROTOCOL = (1, 0)
"""Major and minor number; ``docs/protocol.md`` carries the same."""


def spelled(version: tuple[int, int]) -> str:
    """``(1, 0)`` as ``"1.0"``."""
    return f"{version[0]}.{version[1]}"


def check_protocol(theirs: tuple[int, int], *, peer: str) -> None:
    """Refuses a peer of another major version; any minor version is welcome.

    Args:
        theirs: major and minor number that the peer speaks.
        peer: who that is, for the sentence: ``engine`` or ``plugin``.

    Raises:
        VersionMismatch: with a sentence that says what to update.
    """
    if theirs[0] == PROTOCOL[0]:
        return
    mine = "plugin" if peer == "engine" else "engine"
    older = mine if theirs[0] > PROTOCOL[0] else peer
    raise VersionMismatch(
        f"The {peer} speaks protocol {spelled(theirs)}, this {mine} {spelled(PROTOCOL)}.",
        hint=f"Update the {older}.",
    )
