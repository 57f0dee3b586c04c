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
    "Busy",
    "Cancelled",
    "DeadlineExceeded",
    "DeviceUnavailable",
    "DiskFull",
    "EngineFailed",
    "EngineNotFound",
    "EngineUnreachable",
    "FrameLocked",
    "FrameUnreadable",
    "InsecureConnection",
    "InstallFailed",
    "InternalError",
    "NoReferences",
    "NotAuthentic",
    "NotFound",
    "NothingToUndo",
    "OutOfMemory",
    "OutputExists",
    "OutputUnwritable",
    "PathRefused",
    "ProtocolError",
    "TooLarge",
    "UnknownFrame",
    "UnknownJob",
    "UnknownObject",
    "UnknownSession",
    "UsageError",
    "VersionMismatch",
    "WeightsUnavailable",
    "WorkspaceBusy",
    "WorkspaceDamaged",
    "XmemppError",
    "error_classes",
    "from_wire",
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
    default_hint = "Paint the object on a frame, and add that as a reference."


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


class UnknownSession(UsageError):
    """The engine has no session of that id."""

    code = "unknown_session"
    default_hint = "Open the clip again."


class UnknownJob(UsageError):
    """The engine has no job of that id, or it has ended."""

    code = "unknown_job"


class PathRefused(UsageError):
    """The engine may not read or write at that path."""

    code = "path_refused"
    default_hint = "Choose a folder that the engine was allowed to use."


class Busy(XmemppError):
    """The engine has too much to do to take this as well."""

    code = "busy"
    default_hint = "Wait for a running job, or cancel it."


class InternalError(XmemppError):
    """A mistake in the engine itself; its log has the details."""

    code = "internal"
    default_hint = "The engine goes on. Please report this with its log."


class ProtocolError(XmemppError):
    """What came over the wire is no message of the protocol.

    Attributes:
        request: id of the message that could not be read, where that much could be.
    """

    code = "protocol"
    default_hint = "Update engine and plugin to the same release."
    request: str | None = None


class VersionMismatch(ProtocolError):
    """Engine and plugin speak protocols of different major versions."""

    code = "version_mismatch"


class NotAuthentic(ProtocolError):
    """A message is not sealed with the key of the connection, or came a second time."""

    code = "not_authentic"
    default_hint = "Connect with the connection file of the running engine."


class TooLarge(ProtocolError):
    """A message or one of its parts is larger than the limits of the connection."""

    code = "too_large"
    default_hint = "Send fewer frames at a time, or send their path."


class InsecureConnection(XmemppError):
    """A connection file or an address that would let others in."""

    code = "insecure_connection"


class EngineNotFound(XmemppError):
    """No engine is installed where it was looked for."""

    code = "engine_not_found"
    default_hint = "Install the engine, or set its path in the preferences."


class EngineUnreachable(XmemppError):
    """The engine does not answer."""

    code = "engine_unreachable"
    default_hint = "Start the engine again. Nothing that it confirmed is lost."


class EngineFailed(XmemppError):
    """The engine's process ended when it should not have."""

    code = "engine_failed"
    default_hint = "Look into the engine's log."


class InstallFailed(XmemppError):
    """The engine could not be installed."""

    code = "install_failed"


class DeadlineExceeded(XmemppError):
    """The engine took longer for an answer than it was given."""

    code = "deadline"
    default_hint = "Wait, or cancel what is running, and try again."


def error_classes() -> dict[str, type[XmemppError]]:
    """Every class of the tree by its wire code."""
    found: dict[str, type[XmemppError]] = {}
    waiting: list[type[XmemppError]] = [XmemppError]
    while waiting:
        cls = waiting.pop()
        found.setdefault(cls.code, cls)
        waiting.extend(cls.__subclasses__())
    return found


def from_wire(code: str, sentence: str, hint: str, frame: int | None = None) -> XmemppError:
    """The error that a peer raised, as the same class.

    Args:
        code: wire code; one that only a newer peer knows gives the base class with that code.
        sentence: what happened.
        hint: what to do next.
        frame: the frame of a `FrameUnreadable`.
    """
    cls = error_classes().get(code, XmemppError)
    if issubclass(cls, FrameUnreadable):
        return cls(sentence, frame=0 if frame is None else frame, hint=hint)
    error = cls(sentence, hint=hint)
    error.code = code
    return error
