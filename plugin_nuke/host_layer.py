# SPDX-License-Identifier: Apache-2.0
"""From the wire to Nuke: mattes as one EXR for each frame, with a layer for each object.

The engine encodes the files; a thread writes them, and here they are only shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import nuke

from . import files, graph
from .shared.image import EncodedImage
from .shared.messages import GetLayers, Layers
from .values import text

__all__ = ["MatteFiles", "Submit"]

_AT_ONCE = 4  # frames that are asked for together

Submit = Callable[[Callable[[], object], Callable[[], object]], object]
"""Does something in a thread, and then something else in the main thread."""
Request = Callable[[GetLayers, Callable[[Layers], object], Callable[[], object]], object]
"""Asks the engine: what, what to do with the answer, and what to do in any case."""


class MatteFiles:
    """The EXRs of one node.

    Args:
        find: the node.
        request: asks the engine.
        submit: does work in a thread.

    Attributes:
        working: whether a job makes mattes.
    """

    def __init__(self, find: Callable[[], nuke.Group], request: Request, submit: Submit) -> None:
        self._find, self._request, self._submit = find, request, submit
        self._waiting: list[int] = []
        self._fresh: set[int] = set()
        self._shown: files.Sequence | None = None
        self._revision = -1
        self._unwritten: set[Path] = set()  # on their way to the disk, or not written for an error
        self._fetching = False
        self.working = False

    @property
    def busy(self) -> bool:
        """Whether files are still to come."""
        return self._fetching or self.left > 0

    @property
    def left(self) -> int:
        """How many frames are still to be asked for."""
        return len(self._waiting)

    def changed(self, frames: Iterable[int]) -> None:
        """Mattes of these frames are new, unless they are known to be what the files are."""
        told = [*frames]
        self._waiting = [
            *dict.fromkeys([*self._waiting, *(f for f in told if f not in self._fresh)])
        ]
        self._fresh -= {*told}
        self._fetch()

    def rewrite(self, frames: Iterable[int]) -> None:
        """Files of these frames are to be written, whatever they are."""
        self._fresh.clear()
        self.changed(frames)

    def opened(self, revision: int, *, working: bool) -> None:
        """A shot was opened: files that were written at its revision need not be again.

        Args:
            revision: of the session.
            working: whether a job goes on, which makes new mattes without a new revision.
        """
        group = self._find()
        sequence = files.newest(group)
        if not working and files.is_fresh(sequence, text(group, "session"), revision):
            self._fresh = {*files.frames(sequence)}
        graph.show_files(group)

    def at_revision(self, revision: int, frames: Iterable[int]) -> None:
        """The session is at a revision, and only these frames have mattes now."""
        group, kept = self._find(), {*frames}
        if revision != self._revision:
            self._fresh.clear()
        self._revision = revision
        self._waiting = [frame for frame in self._waiting if frame in kept]
        if text(group, "shot") and files.keep_only(
            files.newest(group), text(group, "session"), kept
        ):
            graph.show_files(group)

    def _fetch(self) -> None:
        if self._fetching or not self._waiting:
            return
        self._fetching = True
        now, self._waiting = sorted(self._waiting[:_AT_ONCE]), self._waiting[_AT_ONCE:]
        kind = "float32" if text(self._find(), "depth").startswith("32") else "float16"
        self._request(GetLayers(tuple(now), kind), self._came, self._fetched)

    def _fetched(self) -> None:
        self._fetching = False
        self._fetch()

    def _came(self, reply: Layers) -> None:
        group = self._find()
        sequence = files.newest(group)
        files.claim(sequence, text(group, "session"))
        layers = [one.layer for one in reply.layers]
        data = {
            sequence.file(one.frame): one.image.data
            for one in reply.frames
            if isinstance(one.image, EncodedImage)
        }

        def write() -> None:
            for target, content in data.items():
                files.write(target, content)

        if data:
            self._unwritten |= data.keys()
            frames = [one.frame for one in reply.frames]
            self._submit(write, lambda: self._show(layers, frames, data.keys()))

    def _show(self, layers: list[str], frames: list[int], written: Iterable[Path]) -> None:
        self._unwritten -= {*written}
        group = self._find()
        graph.show_layers(group, layers)
        if self._shown == files.shown(group):
            graph.show_more(group, frames)
        else:  # the folder is another one than when all files were looked at
            self._shown = files.shown(group)
            graph.show_files(group)
        self.settle()

    def settle(self) -> None:
        """Notes, once all is written, which revision the files are of."""
        group = self._find()
        if not (self.busy or self.working or self._unwritten) and files.frames(files.newest(group)):
            files.mark(files.newest(group), text(group, "session"), self._revision)
