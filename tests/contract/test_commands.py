# SPDX-License-Identifier: Apache-2.0
"""The artist's story through the commands, with a fake host and a small engine."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared.client import Client, Timing
from shared.codec import Envelope
from shared.commands import Shot
from shared.connection import read_connection
from shared.errors import (
    FrameUnreadable,
    NoReferences,
    OutOfMemory,
    UnknownFrame,
    UnknownJob,
    UsageError,
    XmemppError,
)
from shared.hosts import Host, JobShown, Remembered
from shared.image import RawImage
from shared.messages import (
    AddObject,
    AddReference,
    AttachSession,
    Cancel,
    CancelReply,
    CloseSession,
    Confidence,
    Done,
    EditReply,
    Export,
    FrameConfidence,
    FrameSkipped,
    GetConfidence,
    GetMattes,
    GetSession,
    GetSuggestions,
    JobDone,
    JobFailed,
    JobStarted,
    LockFrames,
    Locks,
    MatteImage,
    MatteReady,
    Mattes,
    ObjectInfo,
    ObjectReply,
    OpenClip,
    Preview,
    Progress,
    Propagate,
    ReferenceInfo,
    ReferenceReply,
    References,
    RemoveReference,
    Reply,
    SessionChanged,
    Suggest,
    Suggestions,
    Undo,
    UpdateReference,
)
from shared.tick import tick

from .fake_host import FakeHost
from .pumping import wait
from .router import SESSION, Router, state

JOB = "ab" * 8
QUICK = Timing(greeting=0.5, silence=1.0, lost=3.0, gap=0.02)
HAND = ObjectInfo(1, "hand", (255, 0, 0))


class Engine:
    """A session that remembers edits, and makes mattes of nothing."""

    def __init__(self, router: Router) -> None:
        self.router = router
        self.state = state()
        self.asked: list[tuple[int, ...]] = []
        self.found: tuple[int, ...] = ()
        router.answers |= {
            OpenClip: self.now,
            AttachSession: self.now,
            GetSession: self.now,
            AddObject: self.add,
            AddReference: self.reference,
            UpdateReference: self.reference,
            RemoveReference: self.remove,
            Propagate: lambda _: JobStarted(JOB, 10),
            Suggest: self.suggest,
            Export: lambda _: JobStarted(JOB, 10),
            Cancel: lambda _: CancelReply((JOB,)),
            GetSuggestions: lambda _: Suggestions(self.found, 3, stale=False),
            GetMattes: self.mattes,
            Preview: lambda _: Mattes((self.matte(1003),)),
            GetConfidence: lambda _: Confidence((FrameConfidence(1002, 1, 0.25),)),
            LockFrames: self.lock,
            Undo: self.undo,
            CloseSession: lambda _: Done(),
        }

    def now(self, _: Envelope) -> Reply:
        return self.state

    def change(self, **fields: object) -> None:
        self.state = dataclasses.replace(self.state, revision=self.state.revision + 1, **fields)

    def add(self, _: Envelope) -> Reply:
        self.change(objects=(HAND,))
        return ObjectReply(HAND, 1)

    def reference(self, envelope: Envelope) -> Reply:
        frame = envelope.message.frame  # type: ignore[attr-defined]
        self.change(references=tuple(sorted({*self.state.references, frame})))
        return ReferenceReply(ReferenceInfo(frame, (), 1), 1)

    def remove(self, envelope: Envelope) -> Reply:
        frame = envelope.message.frame  # type: ignore[attr-defined]
        self.change(references=tuple(f for f in self.state.references if f != frame))
        return References((), 1)

    def suggest(self, _: Envelope) -> Reply:
        self.found = (1007, 1004)
        return JobStarted(JOB, 10)

    def lock(self, envelope: Envelope) -> Reply:
        self.change(locked=envelope.message.ranges)  # type: ignore[attr-defined]
        return Locks(self.state.locked, self.state.revision)

    def undo(self, _: Envelope) -> Reply:
        self.change(locked=())
        return EditReply("lock", self.state.revision, 1, 1, ((1003, 1004),))

    def mattes(self, envelope: Envelope) -> Reply:
        assert isinstance(envelope.message, GetMattes)
        self.asked.append(envelope.message.frames)
        return Mattes(tuple(self.matte(frame) for frame in envelope.message.frames))

    def matte(self, frame: int) -> MatteImage:
        pixels = RawImage("float32", (36, 64), ("A",), "data", bytes(36 * 64 * 4))
        return MatteImage(frame, 1, pixels, painted=False, locked=False, confidence=0.5)


@dataclasses.dataclass
class Desk:
    """A host with its shot, a client, and the engine."""

    host: FakeHost
    shot: Shot
    client: Client
    engine: Engine

    def until(self, finished: Callable[[], bool]) -> None:
        wait(finished, lambda: tick(self.client, [self.shot], 0.002))

    def settle(self) -> None:
        for _ in range(60):
            tick(self.client, [self.shot], 0.002)
            time.sleep(0.003)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    router = Router(tmp_path)
    engine = Engine(router)
    host = FakeHost()
    with Client(lambda: read_connection(tmp_path / "connection.json"), timing=QUICK) as client:
        checked: Host = host
        shot = Shot(client, checked)
        shot.open()
        desk = Desk(host, shot, client, engine)
        desk.until(lambda: shot.state is not None)
        yield desk
    router.stop()


@pytest.fixture
def painted(desk: Desk) -> Desk:
    desk.shot.add_object("hand")
    desk.until(lambda: bool(desk.host.states[-1].objects))
    desk.host.strokes[1001] = {"hand": "painted"}
    desk.shot.add_reference()
    desk.until(lambda: desk.host.states[-1].references == (1001,))
    return desk


def test_the_project_remembers_its_session(desk: Desk) -> None:
    assert desk.host.kept == Remembered(SESSION, "/w/shot")
    desk.engine.found = (1007, 1004)
    again = Shot(desk.client, desk.host)
    again.open()
    desk.until(lambda: again.candidates == (1007, 1004) == desk.host.markers)
    assert "session.attach" in desk.engine.router.types()


def test_the_story_of_a_shot(painted: Desk) -> None:
    host, shot, router = painted.host, painted.shot, painted.engine.router
    shot.propagate()
    painted.until(lambda: shot.job == JobShown(JOB, "propagate", 0, 10))
    with pytest.raises(UsageError, match="running"):
        shot.suggest()
    router.tell(Progress(JOB, "propagate", 4, 10, 1004, 2.5))
    for frame in range(1001, 1011):
        router.tell(MatteReady(JOB, frame, (FrameConfidence(frame, 1, 0.75),)))
    router.tell(FrameSkipped(JOB, 1005, "frame_unreadable", "Frame 1005 is damaged."))
    router.tell(JobDone(JOB, "propagate", ((1001, 1010),)))
    painted.until(lambda: shot.job is None and len(host.shown) == 10)
    assert JobShown(JOB, "propagate", 4, 10, 2.5) in host.jobs
    assert host.sure[1010, 1] == 0.75
    assert isinstance(host.errors[0], FrameUnreadable)
    assert max(map(len, painted.engine.asked)) <= 8  # never all of a shot in one answer
    shot.suggest()
    router.tell(JobDone(JOB, "suggest", ()))
    painted.until(lambda: host.markers == (1007, 1004))
    shot.next_candidate()
    assert host.frame == 1007
    shot.next_candidate()
    assert host.frame == 1004
    shot.next_candidate()
    assert host.frame == 1007
    host.strokes[1007] = {"hand": "painted"}
    shot.add_reference()
    painted.until(lambda: host.markers == (1004,))  # what is painted is no candidate
    shot.remove_reference(1007)
    painted.until(lambda: host.markers == (1007, 1004))
    shot.lock((1002, 1003))
    painted.until(lambda: host.states[-1].locked == ((1002, 1003),))
    shot.undo()
    painted.until(lambda: host.states[-1].locked == ())


def test_what_is_painted_anew_leaves_other_objects_as_they_were(painted: Desk) -> None:
    painted.shot.update_reference()
    painted.until(lambda: painted.engine.router.types().count("reference.update") == 1)
    sent = [envelope.message for envelope in painted.engine.router.came]
    (update,) = [message for message in sent if isinstance(message, UpdateReference)]
    assert [matte.state for matte in update.mattes] == ["painted"]
    painted.host.frame = 1002
    with pytest.raises(NoReferences, match="1002"):
        painted.shot.update_reference()


def test_candidates_both_ways(painted: Desk) -> None:
    with pytest.raises(UsageError, match="no candidates"):
        painted.shot.previous_candidate()
    painted.shot.suggest()
    painted.engine.router.tell(JobDone(JOB, "suggest", ()))
    painted.until(lambda: painted.host.markers == (1007, 1004))
    for step, frame in ((painted.shot.next_candidate, 1007), (painted.shot.next_candidate, 1004)):
        step()
        assert painted.host.frame == frame
    painted.shot.previous_candidate()
    assert painted.host.frame == 1007


def test_what_is_answered_after_the_shot_was_left_is_passed_over(painted: Desk) -> None:
    painted.shot.fetch([1001])
    painted.shot.close()
    painted.until(lambda: painted.client.idle)
    assert not painted.host.shown
    painted.shot.open()
    painted.until(lambda: painted.shot.state is not None)
    painted.shot.fetch([1002])  # the request that was left is in nobody's way
    painted.until(lambda: (1002, 1) in painted.host.shown)


def test_an_error_of_the_host_is_shown_and_harms_no_other_message(
    painted: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object, **__: object) -> None:
        raise UsageError("The clip is gone.")

    monkeypatch.setattr(painted.host, "show_mattes", gone)
    monkeypatch.setattr(painted.host, "show_confidence", gone)
    painted.shot.fetch([1001])
    painted.engine.router.tell(MatteReady(JOB, 1002, ()))
    painted.engine.router.tell(Progress(JOB, "propagate", 4, 10, 1004, 2.5))
    painted.until(lambda: len(painted.host.errors) == 2 and painted.shot.job is not None)
    assert {error.message for error in painted.host.errors} == {"The clip is gone."}


def test_what_is_wrong_as_it_stands_is_raised(desk: Desk) -> None:
    with pytest.raises(NoReferences, match="1001"):
        desk.shot.add_reference()
    with pytest.raises(NoReferences):
        desk.shot.propagate()
    with pytest.raises(NoReferences):
        desk.shot.suggest()
    with pytest.raises(UnknownFrame):
        desk.shot.remove_reference()
    with pytest.raises(UnknownJob):
        desk.shot.cancel()
    with pytest.raises(UsageError):
        desk.shot.next_candidate()
    desk.host.frame = 999
    with pytest.raises(UnknownFrame, match="999"):
        desk.shot.lock()
    desk.shot.close()
    desk.settle()
    with pytest.raises(UsageError, match="not open"):
        desk.shot.preview()
    assert desk.engine.router.types()[-1] == "session.close"


def test_what_fails_in_the_engine_is_shown(painted: Desk) -> None:
    def full(_: Envelope) -> Reply:
        raise OutOfMemory("4K does not fit.")

    painted.engine.router.answers[Propagate] = full
    painted.shot.propagate()
    painted.until(lambda: bool(painted.host.errors))
    assert isinstance(painted.host.errors[0], OutOfMemory)
    assert painted.shot.job is None
    painted.engine.router.answers[Propagate] = lambda _: JobStarted(JOB, 10)
    painted.shot.propagate()
    painted.engine.router.tell(JobFailed(JOB, "propagate", "sunspots", "The sun has spots."))
    painted.until(lambda: len(painted.host.errors) == 2)
    assert type(painted.host.errors[1]) is XmemppError
    painted.until(lambda: painted.shot.job is None)


def test_small_commands(painted: Desk) -> None:
    shot, host = painted.shot, painted.host
    shot.preview()
    painted.until(lambda: len(host.previews) == 1)
    assert not host.shown
    shot.fetch_confidence()
    painted.until(lambda: host.sure == {(1002, 1): 0.25})
    host.frame = 1002
    shot.mark_not_seen(1)
    painted.until(lambda: host.states[-1].references == (1001, 1002))
    shot.remove_reference()
    painted.until(lambda: host.states[-1].references == (1001,))
    shot.export(Export("/out"))
    painted.until(lambda: shot.job == JobShown(JOB, "export", 0, 10))
    shot.cancel()
    painted.engine.router.tell(JobDone(JOB, "export", (), cancelled=True))
    painted.until(lambda: shot.job is None)
    assert [e.message.job for e in painted.engine.router.came if isinstance(e.message, Cancel)] == [
        JOB
    ]


def test_an_edit_of_another_client_is_seen(desk: Desk) -> None:
    desk.engine.change(objects=(HAND,))
    desk.engine.router.tell(SessionChanged(1, "object added"))
    desk.until(lambda: desk.host.states[-1].objects == (HAND,))


def test_a_job_that_did_not_survive_the_engine_is_shown_no_more(
    painted: Desk, tmp_path: Path
) -> None:
    painted.shot.propagate()
    painted.until(lambda: painted.shot.job is not None and painted.shot.job.job == JOB)
    painted.engine.router.stop()
    second = Router(tmp_path, engine="e2" * 16)
    Engine(second).state = painted.engine.state
    try:
        painted.until(lambda: painted.shot.job is None)
        assert painted.shot.state
    finally:
        second.stop()


def test_mattes_that_were_finished_as_the_engine_ended_are_fetched(
    painted: Desk, tmp_path: Path
) -> None:
    """Their events went with the engine."""
    painted.shot.propagate()
    painted.until(lambda: painted.shot.job is not None and painted.shot.job.job == JOB)
    painted.engine.router.stop()
    second = Router(tmp_path, engine="e2" * 16)
    engine = Engine(second)
    engine.state = dataclasses.replace(painted.engine.state, done=((1002, 1004),))
    try:
        painted.until(lambda: bool(engine.asked))
        assert sorted(f for frames in engine.asked for f in frames) == [1002, 1003, 1004]
    finally:
        second.stop()
