# SPDX-License-Identifier: Apache-2.0
"""The one error tree of the project.

Every error is one sentence for the artist (what happened, to which file or frame) and
a hint (what to do next). ``code`` is what travels over the wire and into logs.
"""

from __future__ import annotations

__all__ = [
    "BadMask",
    "BadPlate",
    "BadWeights",
    "Cancelled",
    "DeviceUnavailable",
    "DiskFull",
    "FrameLocked",
    "FrameUnreadable",
    "NoReferences",
    "NotFound",
    "NothingToUndo",
    "OutOfMemory",
    "OutputExists",
    "OutputUnwritable",
    "UnknownFrame",
    "UnknownObject",
    "UsageError",
    "WeightsUnavailable",
    "WorkspaceBusy",
    "WorkspaceDamaged",
    "XmemppError",
]


class XmemppError(Exception):
    """Base of all errors raised on purpose.

    Args:
        message: one sentence that names the file, frame or object.
        hint: what to do next, one sentence; defaults to the class's own.
    """

    code = "error"
    default_hint = ""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = self.default_hint if hint is None else hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class UsageError(XmemppError):
    """The command or call itself is wrong (exit code 2)."""

    code = "usage"


class NotFound(UsageError):
    """A file or folder given by the user does not exist."""

    code = "not_found"
    default_hint = "Check the path for a typing mistake."


class BadPlate(XmemppError):
    """The plate as a whole can't be used."""

    code = "bad_plate"


class FrameUnreadable(XmemppError):
    """One plate frame can't be decoded; the others are not affected."""

    code = "frame_unreadable"
    default_hint = "Copy or render that frame again."

    def __init__(self, message: str, *, frame: int, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.frame = frame


class UnknownFrame(UsageError):
    """The clip has no frame of that number."""

    code = "unknown_frame"


class UnknownObject(UsageError):
    """The session has no object of that id."""

    code = "unknown_object"


class BadMask(XmemppError):
    """A painted mask can't be read or understood."""

    code = "bad_mask"


class NoReferences(UsageError):
    """There is nothing painted to start from."""

    code = "no_references"
    default_hint = "Paint the object on at least one frame."


class OutputExists(UsageError):
    """A result is there already and may not be overwritten."""

    code = "output_exists"
    default_hint = "Choose another output folder or allow overwriting."


class OutputUnwritable(XmemppError):
    """A result can't be written."""

    code = "output_unwritable"
    default_hint = "Check the permissions and the free space of the disk."


class DiskFull(OutputUnwritable):
    """The disk, or the user's share of it, is full; what was written before is unharmed."""

    code = "disk_full"
    default_hint = "Free some space and do it again; what was saved before is safe."


class FrameLocked(UsageError):
    """The frame is locked: its mattes may not change."""

    code = "frame_locked"
    default_hint = "Unlock the frame first."


class NothingToUndo(UsageError):
    """There is no edit left to undo, or to do again."""

    code = "nothing_to_undo"


class WorkspaceBusy(XmemppError):
    """Another engine works on the project."""

    code = "workspace_busy"
    default_hint = "End the other engine first, or work through it."


class WorkspaceDamaged(XmemppError):
    """A file of a project is missing, or not what was written."""

    code = "workspace_damaged"
    default_hint = "Run `xmempp workspace repair` on it: everything that is whole is kept."


class BadWeights(XmemppError):
    """A weights file is damaged or made for another network."""

    code = "bad_weights"


class WeightsUnavailable(XmemppError):
    """Weights are not on this machine and can't be fetched."""

    code = "weights_unavailable"


class DeviceUnavailable(UsageError):
    """The asked device is not present."""

    code = "device_unavailable"
    default_hint = "Use --device auto to take the best one present."


class OutOfMemory(XmemppError):
    """The device or the machine has not enough memory, even after retrying smaller."""

    code = "out_of_memory"


class Cancelled(XmemppError):
    """The job was cancelled; finished frames are kept."""

    code = "cancelled"
