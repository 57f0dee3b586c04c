# SPDX-License-Identifier: Apache-2.0
"""The results of a project, read from its folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from engine_server.session.mattes import MatteStore
from engine_server.session.references import Matte
from shared.errors import UnknownFrame, UnknownObject, UsageError

from .contents import Contents
from .exact import read_matte
from .folder import ProjectFolder

__all__ = ["StoredMattes"]


class StoredMattes(MatteStore):
    """Mattes by frame and object, as the contents of a project have them.

    Args:
        folder: the project's.
        contents: gives what it holds now.
    """

    def __init__(self, folder: ProjectFolder, contents: Callable[[], Contents]) -> None:
        super().__init__()
        self._project, self._contents = folder, contents

    @property
    def frames(self) -> tuple[int, ...]:
        """Frames that have mattes, rising."""
        return tuple(sorted(self._contents().mattes))

    def objects(self, frame: int) -> tuple[int, ...]:
        """Ids of the objects that a frame has mattes of."""
        return tuple(self._contents().mattes.get(frame, ()))

    def put(self, frame: int, mattes: Mapping[int, Matte]) -> None:
        """Refused: results come into a project by a propagation."""
        raise UsageError("Mattes come into a project by a propagation only.")

    def get(self, frame: int, obj: int) -> Matte:
        """H x W float32 in 0..1, exact to 1/65535.

        Raises:
            UnknownFrame, UnknownObject: there is no such matte.
            WorkspaceDamaged: its file can't be read.
        """
        stored = self._contents().mattes.get(frame)
        if stored is None:
            raise UnknownFrame(f"Frame {frame} has no matte yet.", hint="Propagate over it first.")
        if obj not in stored:
            raise UnknownObject(f"Frame {frame} has no matte of object {obj}.")
        return read_matte(self._project.path / stored[obj].file)

    def forget_object(self, obj: int) -> None:
        """Nothing to do: the contents forget it."""
