# SPDX-License-Identifier: Apache-2.0
"""In which order the frames of a shot are visited."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
from typing import Literal

from engine_server.media import Plate
from shared.errors import FrameUnreadable, UnknownFrame

__all__ = ["Direction", "frames_in", "holes", "in_ranges", "needed_frames", "plan_sweeps"]

log = logging.getLogger(__name__)

Direction = Literal["forward", "backward", "both"]


def plan_sweeps(
    frames: Sequence[int], references: Iterable[int], direction: Direction
) -> list[list[int]]:
    """Sweeps over the frames; each begins with an empty working memory.

    Args:
        frames: frame numbers to visit, rising.
        references: painted frames, inside or outside of ``frames``.
        direction: ``forward`` from the first frame, as XMem++ does; ``backward`` from the
            last; ``both``: outward from each reference, half way to the next one.

    Returns:
        lists of frame numbers; together they hold every frame. Outward, a reference begins
        two sweeps, and the two into the gap between two references follow each other.
    """
    if direction == "forward":
        return [list(frames)]
    if direction == "backward":
        return [list(frames)[::-1]]
    painted = sorted(references)
    nearest = {f: min(painted, key=lambda r: (abs(f - r), r)) for f in frames}
    sweeps: list[list[int]] = []
    for reference in painted:
        mine = [f for f in frames if nearest[f] == reference]
        start = [f for f in mine if f == reference]
        before = [f for f in mine[::-1] if f < reference]
        after = [f for f in mine if f > reference]
        sweeps += [start + side for side in (before, after) if side] or [start]
    return [sweep for sweep in sweeps if sweep]


def needed_frames(
    frames: Sequence[int],
    leave: Collection[int],
    references: Iterable[int],
    direction: Direction,
    *,
    dependent: bool,
    ahead: int = 0,
) -> list[int]:
    """Frames to visit so that all but those left out get a result.

    Args:
        frames, references, direction: as for `plan_sweeps`.
        leave: frames that need no result.
        dependent: whether a frame's result depends on the frames visited before it in its
            sweep; these are visited then even if they are left out.
        ahead: on how many frames visited after it a frame's result depends as well.
    """
    if not dependent:
        return [frame for frame in frames if frame not in leave]
    needed: set[int] = set()
    for sweep in plan_sweeps(frames, references, direction):
        wanted = [i for i, frame in enumerate(sweep) if frame not in leave]
        needed.update(sweep[: wanted[-1] + 1 + ahead] if wanted else ())
    return sorted(needed)


def frames_in(plate: Plate, limits: tuple[int, int] | None) -> list[int]:
    """Frames of the plate from first to last, both included; all for ``None``.

    Raises:
        UnknownFrame: there are none.
    """
    first, last = limits or (plate.frames[0], plate.frames[-1])
    wanted = [frame for frame in plate.frames if first <= frame <= last]
    if not wanted:
        raise UnknownFrame(
            f"No frame of {plate.name} lies in {first} to {last}.",
            hint=f"The plate has frames {plate.frames[0]} to {plate.frames[-1]}.",
        )
    return wanted


def holes(plate: Plate, limits: tuple[int, int] | None) -> list[FrameUnreadable]:
    """An error for each frame from first to last that the plate lacks; for ``None`` its own holes.

    The log tells of them, too.
    """
    absent = list(plate.missing)
    if limits is not None:
        present = set(plate.frames)
        absent = [frame for frame in range(limits[0], limits[1] + 1) if frame not in present]
    if absent:
        log.warning("not in the plate: %s", in_ranges(absent))
    return [FrameUnreadable(f"Frame {frame} is not in the plate.", frame=frame) for frame in absent]


def in_ranges(frames: Sequence[int]) -> str:
    """Rising frame numbers for people: ``1003, 1007-1011``, below zero ``-5 to -2``."""
    groups: list[list[int]] = []
    for frame in frames:
        if groups and frame == groups[-1][-1] + 1:
            groups[-1].append(frame)
        else:
            groups.append([frame])
    return ", ".join(_group_name(group[0], group[-1]) for group in groups)


def _group_name(first: int, last: int) -> str:
    if first == last:
        return str(first)
    return f"{first} to {last}" if first < 0 else f"{first}-{last}"
