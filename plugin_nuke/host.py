# SPDX-License-Identifier: Apache-2.0
"""A node as the commands see it (`shared.hosts.Host`).

Undo of a deletion may give a node another place in memory, so that it is looked for by its
token when it is not attached any more.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import nuke

from . import graph, host_frame, host_mask, ranges, sources
from .host_layer import MatteFiles, Request, Submit
from .progress import JobProgress
from .shared.errors import FrameUnreadable, NotFound, XmemppError
from .shared.hosts import JobShown, Remembered
from .shared.layers import layer_names
from .shared.messages import (
    FrameConfidence,
    MatteImage,
    ObjectInfo,
    OpenClip,
    PaintedMatte,
    SessionState,
)
from .sources import Source
from .values import hidden_undo, put, put_keys, put_list, text

__all__ = ["NukeHost"]

log = logging.getLogger(__name__)

_NOTHING_WRONG = ""


class NukeHost:
    """One node.

    Args:
        group: it.
        frames: sends the plate where the engine can't read it itself.
        request: asks the engine for layers.
        submit: does work in a thread.

    Attributes:
        token: tells the node from others.
        error: the last one, until the next command.
        skipped: frames that could not be read since the last command.
        coming: sources of objects that the engine has not confirmed yet, by name.
        followed: revision of the session that the curve of confidence is of.
    """

    def __init__(
        self, group: nuke.Group, frames: host_frame.Frames, request: Request, submit: Submit
    ) -> None:
        self.token = text(group, "token")
        self._group = group
        self.frames = frames
        self.mattes = MatteFiles(self.group, request, submit)
        self.progress = JobProgress()
        self.error: XmemppError | None = None
        self.skipped: set[int] = set()
        self.coming: dict[str, Source] = {}
        self.followed: int | None = None
        self._state: SessionState | None = None

    def group(self) -> nuke.Group:
        """The node.

        Raises:
            NotFound: it was deleted.
        """
        if not _is_attached(self._group):
            found = [n for n in nuke.allNodes("Group", nuke.root(), True) if graph.is_ours(n)]
            same = [node for node in found if text(node, "token") == self.token]
            if not same or not isinstance(same[0], nuke.Group):
                raise NotFound("The XMem++ node was deleted.", hint="Undo that, or make another.")
            self._group = same[0]
        return self._group

    @property
    def is_there(self) -> bool:
        """Whether the node is in the script."""
        try:
            return self.group() is not None
        except NotFound:
            return False

    def current_frame(self) -> int:
        """The frame that the artist looks at; the plate's own number as well."""
        return int(nuke.frame())

    def clip(self) -> OpenClip:
        """Where the plate is; ``UsageError`` if nothing is connected."""
        group = self.group()
        return host_frame.clip_message(group, f"{text(group, 'shot')}-{self.token[:8]}")

    def remembered(self) -> Remembered | None:
        """What the script keeps of a session."""
        group = self.group()
        session, workspace = text(group, "session"), text(group, "workspace")
        return Remembered(session, workspace) if session and workspace else None

    def remember(self, kept: Remembered) -> None:
        """Keeps it in the script."""
        first = self.remembered() is None
        with hidden_undo():
            if first:
                put(self.group(), "opened_with", host_frame.plate_source(self.group()))
            put(self.group(), "session", kept.session)
            put(self.group(), "workspace", kept.workspace)

    def painted(self, frame: int, objects: Sequence[ObjectInfo]) -> tuple[PaintedMatte, ...]:
        """What the inputs show at a frame; ``BadMask`` if one is not connected."""
        state = self._state
        size = (0, 0) if state is None else (state.width, state.height)
        return host_mask.painted(self.group(), frame, objects, size)

    def go_to(self, frame: int) -> None:
        """Shows a frame."""
        nuke.frame(int(frame))

    def matte_form(self) -> str:
        """A path says that there is a matte; the files come as layers of all objects."""
        return "path"

    def show_session(self, state: SessionState) -> None:
        """Brings the lists in line; files of what changed are written again."""
        before, self._state = self._state, state
        group = self.group()
        with hidden_undo():
            self._keep_sources(group, state)
            put_list(group, "object", [info.name for info in state.objects])
            put_list(group, "reference", [str(frame) for frame in state.references])
            put(group, "locked", ranges.spelled(state.locked))
        self.frames.missing = {*ranges.each(state.missing)}
        self.mattes.at_revision(state.revision, ranges.each(state.done))
        if before is None:
            self.mattes.opened(state.revision, working=bool(state.jobs))
            return
        if _rewritten(before, state):
            self.mattes.rewrite(ranges.each(state.done))
        self.mattes.changed({*before.references} ^ {*state.references})
        self.mattes.settle()

    def show_mattes(self, mattes: Sequence[MatteImage], *, preview: bool) -> None:
        """Has their frames written as EXRs; previews are kept nowhere."""
        if not preview:
            self.mattes.changed(dict.fromkeys(matte.frame for matte in mattes))

    def show_job(self, job: JobShown | None) -> None:
        """Shows how far it is."""
        self.mattes.working = job is not None and job.work == "propagate"
        self.progress.show(job)

    def show_candidates(self, frames: Sequence[int]) -> None:
        """Keys of an animated knob, and a list, best first."""
        group = self.group()
        with hidden_undo():
            put_keys(group, "candidates", {f: float(rank) for rank, f in enumerate(frames, 1)})
            put_list(group, "candidate", [str(frame) for frame in frames])

    def show_confidence(self, values: Sequence[FrameConfidence]) -> None:
        """A curve: the least sure object of each frame. Keys of other frames stay."""
        group, least = self.group(), _least(values)
        with hidden_undo():
            if not group["confidence"].isAnimated():
                put_keys(group, "confidence", least)
            for frame, value in least.items():
                group["confidence"].setValueAt(value, frame)

    def show_all_confidence(self, span: range, values: Sequence[FrameConfidence]) -> None:
        """The curve in a span of frames; frames that have no mattes any more lose their keys."""
        with hidden_undo():
            put_keys(self.group(), "confidence", _least(values), among=span)

    def show_error(self, error: XmemppError) -> None:
        """Shows the sentence in the panel, and in Nuke's terminal, as the panel may be closed."""
        self.error = error
        words = str(error)
        if isinstance(error, FrameUnreadable):
            self.skipped.add(error.frame)
            words = f"{words} Left out so far: {ranges.spelled(ranges.grouped(self.skipped))}."
        log.warning("%s", words)
        if self.is_there:
            with hidden_undo():
                put(self.group(), "message", words)

    def forget_error(self) -> None:
        """Puts it away."""
        self.error = None
        self.skipped.clear()
        with hidden_undo():
            put(self.group(), "message", _NOTHING_WRONG)

    def _keep_sources(self, group: nuke.Group, state: SessionState) -> None:
        """Those of removed objects too: an undo in the engine may bring them back."""
        kept = sources.read(group)
        for info in state.objects:
            if info.name in self.coming:
                kept[info.object] = self.coming.pop(info.name)
        if kept != sources.read(group):
            sources.store(group, kept)


def _is_attached(group: nuke.Group) -> bool:
    """A node that was deleted raises at every touch."""
    try:
        return bool(group.name())
    except ValueError:
        return False


def _least(values: Sequence[FrameConfidence]) -> dict[int, float]:
    """The least value of each frame."""
    found: dict[int, float] = {}
    for one in values:
        found[one.frame] = min(one.value, found.get(one.frame, one.value))
    return found


def _rewritten(before: SessionState, after: SessionState) -> bool:
    """Whether files of all frames are other ones: layers changed, or something was undone."""
    names = [layer_names({o.object: o.name for o in s.objects}) for s in (before, after)]
    undone = before.revision != after.revision and (before.redo or after.redo)
    return names[0] != names[1] or bool(undone)
