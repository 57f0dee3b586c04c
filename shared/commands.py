# SPDX-License-Identifier: Apache-2.0
"""What an artist does with a clip, the same in every host.

A command gathers what it needs from the host, sends a request and returns at once. Answers
and events come in by `tick`, which a timer of the host calls; what they say goes to the host.
A command that is wrong as it stands raises; what fails later goes to ``Host.show_error``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from .client import Client, Pending
from .codec import Envelope
from .errors import NoReferences, UnknownFrame, UnknownJob, UsageError, XmemppError, from_wire
from .fetching import Fetching
from .hosts import Host, JobShown, Remembered
from .messages import (
    AddObject,
    AddReference,
    AttachSession,
    Cancel,
    CloseSession,
    ColourObject,
    EditReply,
    Export,
    FrameSkipped,
    GetConfidence,
    GetMattes,
    GetSession,
    GetSuggestions,
    JobDone,
    JobFailed,
    LockFrames,
    MatteReady,
    Message,
    PaintedMatte,
    Preview,
    Progress,
    Propagate,
    Redo,
    RemoveObject,
    RemoveReference,
    RenameObject,
    Reply,
    Request,
    SessionChanged,
    SessionState,
    Suggest,
    Undo,
    UnlockFrames,
    UpdateReference,
)

__all__ = ["Shot"]

R = TypeVar("R", bound=Reply)
_Then = Callable[[], object]
_Painted = tuple[PaintedMatte, ...]


class Shot:
    """One clip of a host.

    Args:
        client: the connection to the engine.
        host: the clip in the host.

    Attributes:
        state: the session as the engine described it last; None until it is open.
        job: the one that runs.
        candidates: frames to paint next, best first.
    """

    def __init__(self, client: Client, host: Host) -> None:
        self._client = client
        self._host = host
        self.state: SessionState | None = None
        self.job: JobShown | None = None
        self.candidates: tuple[int, ...] = ()
        self._suggested: tuple[int, ...] = ()  # with those that were painted since
        self._fetching = Fetching(self._ask_for_mattes)
        self._refreshing = False
        self._left = False

    # The session

    def open(self) -> None:
        """Opens the clip, or takes up the session that the project remembers."""
        self._left = False
        kept = self._host.remembered()
        if kept is None:
            self._send(self._host.clip(), self._opened, session=None)
        else:
            attach = AttachSession(kept.workspace)
            self._send(attach, self._opened, session=kept.session)

    def close(self) -> None:
        """Leaves the session; its workspace stays. What is answered later is passed over."""
        self._left = True
        if self.state is not None:
            session, self.state = self.state.session, None
            self._send(CloseSession(), lambda _: None, session=session)
        self._show_job(None)

    # Objects

    def add_object(self, name: str, colour: tuple[int, int, int] | None = None) -> None:
        """Adds an object."""
        self.edit(AddObject(name, colour))

    def rename_object(self, obj: int, name: str) -> None:
        """Gives an object another name."""
        self.edit(RenameObject(obj, name))

    def colour_object(self, obj: int, colour: tuple[int, int, int]) -> None:
        """Gives an object another colour."""
        self.edit(ColourObject(obj, colour))

    def remove_object(self, obj: int) -> None:
        """Removes an object with all that is painted of it."""
        self.edit(RemoveObject(obj))

    # References

    def add_reference(self, frame: int | None = None) -> None:
        """Sends all that is painted at a frame, in place of what was sent before.

        Args:
            frame: the current one if none is named.

        Raises:
            NoReferences: nothing is painted there.
            UnknownFrame: the clip does not have the frame.
        """
        frame = self._frame(frame)
        self.edit(AddReference(frame, self._painted(frame)))

    def update_reference(self, frame: int | None = None) -> None:
        """Sends what is painted at a frame, of other objects nothing. As `add_reference`."""
        frame = self._frame(frame)
        self.edit(UpdateReference(frame, self._painted(frame)))

    def mark_not_seen(self, obj: int, frame: int | None = None) -> None:
        """Says that an object is not in the picture at a frame."""
        self.edit(UpdateReference(self._frame(frame), (PaintedMatte(obj, "empty"),)))

    def remove_reference(self, frame: int | None = None) -> None:
        """Takes back what was sent of a frame; ``UnknownFrame`` if nothing was."""
        frame = self._frame(frame)
        if frame not in self._session().references:
            raise UnknownFrame(f"Frame {frame} has no reference.")
        self.edit(RemoveReference(frame))

    # Mattes

    def propagate(self, request: Propagate | None = None) -> None:
        """Carries the painted mattes through the clip; the mattes arrive as they are made.

        Raises:
            NoReferences: nothing is painted.
            UsageError: a job is running already.
        """
        self._check_painted()
        self._start(request or Propagate(), "propagate")

    def preview(self, request: Preview | None = None) -> None:
        """Shows what a propagation would give at the current frame."""
        asked = request or Preview(self._frame())
        self._send(asked, lambda reply: self._host.show_mattes(reply.mattes, preview=True))

    def fetch(self, frames: Sequence[int]) -> None:
        """Gets mattes of frames, again; those that have none are passed over."""
        self._fetching.add(frames)

    def fetch_confidence(self) -> None:
        """Gets how sure the network was of every frame."""
        self._send(GetConfidence(), lambda reply: self._host.show_confidence(reply.values))

    def lock(self, *ranges: tuple[int, int]) -> None:
        """Locks frames, the current one if none are named."""
        self.edit(LockFrames(ranges or ((self._frame(), self._frame()),)))

    def unlock(self, *ranges: tuple[int, int]) -> None:
        """Unlocks frames, the current one if none are named."""
        self.edit(UnlockFrames(ranges or ((self._frame(), self._frame()),)))

    def export(self, request: Export) -> None:
        """Writes mattes as files; ``UsageError`` if a job is running already."""
        self._start(request, "export")

    def cancel(self) -> None:
        """Cancels the running job; what it finished stays. ``UnknownJob`` if none is running."""
        if self.job is None:
            raise UnknownJob("No job is running.")
        self._send(Cancel(self.job.job or None), lambda _: None)

    # Candidates

    def suggest(self, request: Suggest | None = None) -> None:
        """Looks for the frames to paint next, which are then marked; raises as `propagate`."""
        self._check_painted()
        self._start(request or Suggest(), "suggest")

    def next_candidate(self) -> None:
        """Goes to the best candidate, or from one to the next best; ``UsageError`` if none."""
        self._step(1)

    def previous_candidate(self) -> None:
        """Goes from a candidate to the next better one; ``UsageError`` if none."""
        self._step(-1)

    def _step(self, by: int) -> None:
        if not self.candidates:
            raise UsageError("There are no candidates.", hint="Let the engine suggest some.")
        frame, known = self._host.current_frame(), self.candidates
        position = known.index(frame) + by if frame in known else 0
        self._host.go_to(known[position % len(known)])

    def edit(self, request: Request[R], then: _Then = lambda: None) -> None:
        """Asks for an edit of the session; ``then`` is called once it is made."""
        self._session()
        self._send(request, lambda _: self._refresh(then))

    def undo(self) -> None:
        """Takes the last edit back."""
        self._send(Undo(), self._changed)

    def redo(self) -> None:
        """Does again what was taken back last."""
        self._send(Redo(), self._changed)

    def _changed(self, reply: EditReply) -> None:
        self.fetch(_each(reply.frames))
        self._refresh()

    def ask(
        self, request: Request[R], then: Callable[[R], object], ends: _Then = lambda: None
    ) -> None:
        """Asks about the session; an error goes to the host. ``ends`` is called before, always."""
        self._send(request, then, session="" if request.session_scope else None, ends=ends)

    # What the engine tells

    def take(self, envelope: Envelope) -> None:
        """Brings an event about this session to the host."""
        try:
            self._take(envelope.message)
        except XmemppError as error:  # of the host
            self._host.show_error(error)

    def _take(self, message: Message) -> None:
        if isinstance(message, SessionState):
            self._resumed(message)
        elif isinstance(message, SessionChanged):
            self._refresh()
        elif isinstance(message, Progress):
            left = message.seconds_left
            self._show_job(JobShown(message.job, message.work, message.done, message.total, left))
        elif isinstance(message, MatteReady):
            self._host.show_confidence(message.confidence)
            self.fetch([message.frame])
        elif isinstance(message, FrameSkipped):
            error = from_wire(message.code, message.sentence, message.hint, message.frame)
            self._host.show_error(error)
        elif isinstance(message, (JobDone, JobFailed)):
            self._ended(message)

    def _ended(self, message: JobDone | JobFailed) -> None:
        if self.job is not None and self.job.job in ("", message.job):
            self._show_job(None)
        if isinstance(message, JobFailed):
            self._host.show_error(from_wire(message.code, message.sentence, message.hint))
        elif message.work == "suggest" and not message.cancelled:
            self._send(GetSuggestions(), lambda reply: self._mark(reply.frames))
        self._refresh()

    def _opened(self, state: SessionState) -> None:
        self._learn(state)
        self._host.remember(Remembered(state.session, state.workspace))
        self.fetch(_each(state.done))
        self._send(GetSuggestions(), lambda reply: self._mark(reply.frames))

    def _resumed(self, state: SessionState) -> None:
        """A new engine took the session up; what the last one did not get to tell is fetched."""
        self._learn(state)
        self.fetch(_each(state.done))
        if self.job is not None and self.job.job not in [job.job for job in state.jobs]:
            self._show_job(None)

    def _learn(self, state: SessionState) -> None:
        before, self.state = self.state, state
        self._host.show_session(state)
        if before is not None and before.references != state.references:
            self._mark(self._suggested)

    def _mark(self, frames: tuple[int, ...]) -> None:
        """What is painted already is no candidate, until that is taken back."""
        self._suggested = frames
        self.candidates = tuple(f for f in frames if f not in self._session().references)
        self._host.show_candidates(self.candidates)

    def _show_job(self, job: JobShown | None) -> None:
        if job != self.job:
            self.job = job
            self._host.show_job(job)

    # Requests

    def _session(self) -> SessionState:
        if self.state is None:
            raise UsageError("The clip is not open.", hint="Open it in the engine first.")
        return self.state

    def _frame(self, frame: int | None = None) -> int:
        state = self._session()
        frame = self._host.current_frame() if frame is None else frame
        if not any(first <= frame <= last for first, last in state.frames):
            raise UnknownFrame(f"{state.name} has no frame {frame}.")
        return frame

    def _check_painted(self) -> None:
        if not self._session().references:
            raise NoReferences("Nothing is painted yet.")

    def _painted(self, frame: int) -> _Painted:
        painted = self._host.painted(frame, self._session().objects)
        if not painted:
            raise NoReferences(f"Nothing is painted at frame {frame}.")
        return painted

    def _start(self, request: Propagate | Suggest | Export, work: str) -> None:
        self._session()
        if self.job is not None:
            raise UsageError("A job is running already.", hint="Wait for it, or cancel it.")
        self._show_job(JobShown("", work))
        self._send(request, lambda reply: self._started(reply.job, work, reply.frames))

    def _started(self, job: str, work: str, frames: int) -> None:
        if self.job is not None and not self.job.job:
            self._show_job(JobShown(job, work, 0, frames))

    def _refresh(self, before: _Then = lambda: None) -> None:
        """Asks for the session as it is now, once for several edits."""
        before()
        if self.state is not None and not self._refreshing:
            self._refreshing = True
            self._send(GetSession(), self._learn, ends=self._end_refresh)

    def _end_refresh(self) -> None:
        self._refreshing = False

    def _ask_for_mattes(self, frames: Sequence[int], ends: _Then) -> bool:
        if self.state is None:
            return False
        asked = GetMattes(tuple(sorted(frames)), form=self._host.matte_form())
        show = self._host.show_mattes
        self._send(asked, lambda reply: show(reply.mattes, preview=False), ends=ends)
        return True

    def _send(
        self,
        request: Request[R],
        then: Callable[[R], object],
        *,
        session: str | None = "",
        ends: _Then = lambda: None,
        fails: Callable[[XmemppError], object] | None = None,
        name: str = "",
    ) -> None:
        """Sends a request about this session, or another; errors go to the host."""

        def settled(pending: Pending[R]) -> None:
            ends()
            if self._left:
                return
            try:
                then(pending.result())
            except XmemppError as error:  # of the engine, or of the host that was told
                (fails or failed)(error)

        def failed(error: XmemppError) -> None:
            self._failed(request, error)

        about = self._session().session if session == "" else session
        self._client.submit(request, about, then=settled, name=name)

    def _failed(self, request: Request[R], error: XmemppError) -> None:
        if isinstance(request, (Propagate, Suggest, Export)):
            self._show_job(None)
        self._host.show_error(error)


def _each(ranges: tuple[tuple[int, int], ...]) -> list[int]:
    return [frame for first, last in ranges for frame in range(first, last + 1)]
