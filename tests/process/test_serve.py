# SPDX-License-Identifier: Apache-2.0
"""The engine as plugins use it: real processes, real sockets."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from benchmarks.artist import raw_matte
from benchmarks.zygote import Engine
from shared.codec import Envelope
from shared.errors import (
    BadMask,
    Busy,
    FrameLocked,
    NothingToUndo,
    OutputExists,
    PathRefused,
    UnknownJob,
    UnknownSession,
    UsageError,
)
from shared.image import EncodedImage, PathImage, RawImage
from shared.messages import (
    AddObject,
    AddReference,
    AttachSession,
    Cancel,
    CloseSession,
    ColourObject,
    Export,
    FrameImage,
    GetConfidence,
    GetFrame,
    GetMattes,
    GetSession,
    GetSuggestions,
    JobDone,
    ListLocks,
    ListObjects,
    ListReferences,
    ListSessions,
    LockFrames,
    LogLine,
    MatteReady,
    OpenClip,
    PaintedMatte,
    PathClip,
    Ping,
    Preview,
    Progress,
    Propagate,
    PutFrames,
    Redo,
    RemoveObject,
    RemoveReference,
    RenameObject,
    SentClip,
    SessionChanged,
    Status,
    Suggest,
    Undo,
    UnlockFrames,
    UpdateReference,
)
from tests.drawn import draw_shot, read_png, write_plate
from tests.process.engines import (
    FIRST,
    connected,
    finished,
    opened,
    paint,
    painted_session,
    propagated,
    until,
)

SHOT = draw_shot(6, objects=2)


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    return write_plate(tmp_path / "plate", SHOT.pictures)


def floats(image: object) -> np.ndarray:
    assert isinstance(image, RawImage)
    return np.frombuffer(image.data, image.dtype).reshape(image.shape)


def test_an_artist_s_day(engine: Engine, plate: Path, tmp_path: Path) -> None:
    with connected(engine) as client:
        session = opened(client, plate, objects=2)
        soft = np.random.default_rng(0).random(SHOT.size, np.float32)
        paint(client, session, FIRST, {1: soft, 2: SHOT.matte(0, 2)})
        done, ready = propagated(client, session)
        assert sorted(ready) == [1001, 1002, 1003, 1004, 1005, 1006]
        assert done.frames == ((1001, 1006),)
        mattes = client.ask(GetMattes((1001, 1004)), session).mattes
        assert [(m.frame, m.object, m.painted) for m in mattes] == [
            (1001, 1, True),
            (1001, 2, True),
            (1004, 1, False),
            (1004, 2, False),
        ]
        assert floats(mattes[0].image).tobytes() == soft.tobytes()
        assert client.ask(GetConfidence((1004, 1004)), session).values[0].object == 1
        finished(client, client.ask(Suggest(2), session).job)
        found = client.ask(GetSuggestions(), session)
        assert len(found.frames) == 2
        assert not found.stale
        paint(client, session, found.frames[0], {1: soft, 2: soft})
        assert client.ask(GetSuggestions(), session).stale
        propagated(client, session)
        step = client.ask(Undo(), session)
        assert (step.edit, step.undo, step.redo) == ("propagate", 5, 1)
        assert client.ask(Redo(), session).frames == ((1001, 1006),)
        client.ask(LockFrames(((1002, 1003),)), session)
        with pytest.raises(FrameLocked):
            client.ask(RemoveObject(2), session)
        assert client.ask(UnlockFrames(((1003, 1003),)), session).ranges == ((1002, 1002),)
        state = client.ask(GetSession(), session)
        assert state.locked == client.ask(ListLocks(), session).ranges
        assert state.undo == "unlock frame 1003"


def test_objects_and_references(engine: Engine, plate: Path) -> None:
    with connected(engine) as client:
        session = opened(client, plate)
        assert client.ask(AddObject("wall", (1, 2, 3), 7), session).object.colour == (1, 2, 3)
        assert client.ask(RenameObject(7, "stone"), session).object.name == "stone"
        assert client.ask(ColourObject(7, (9, 8, 7)), session).object.colour == (9, 8, 7)
        both = (PaintedMatte(1, "painted", raw_matte(SHOT.matte(0))), PaintedMatte(7, "empty"))
        reference = client.ask(AddReference(FIRST, both), session).reference
        assert [o.state for o in reference.objects] == ["painted", "empty"]
        update = UpdateReference(FIRST, (PaintedMatte(7, "absent"),))
        assert client.ask(update, session).reference.objects[1].state == "absent"
        listed = client.ask(ListReferences(64), session).references
        assert bytes(listed[0].thumbnail.data).startswith(b"\xff\xd8")  # type: ignore[union-attr]
        assert client.ask(UpdateReference(FIRST, (PaintedMatte(1, "absent"),)), session)
        assert client.ask(ListReferences(), session).references == ()
        assert client.ask(Undo(), session).frames == ((FIRST, FIRST),)
        assert client.ask(RemoveReference(FIRST), session).references == ()
        assert [o.object for o in client.ask(RemoveObject(1), session).objects] == [7]
        assert len(client.ask(ListObjects(), session).objects) == 1


def test_mattes_come_in_every_form(engine: Engine, plate: Path, tmp_path: Path) -> None:
    with connected(engine) as client:
        session = painted_session(client, plate, SHOT)
        propagated(client, session)
        exact = floats(client.ask(GetMattes((1003,)), session).mattes[0].image)
        path = client.ask(GetMattes((1003,), form="path"), session).mattes[0].image
        assert isinstance(path, PathImage)
        assert np.array_equal(read_png(Path(path.path)), np.rint(exact * 65535))
        for form, dtype in (("png", "uint8"), ("png", "uint16"), ("exr", "float16")):
            image = client.ask(GetMattes((1003,), form=form, dtype=dtype), session).mattes[0].image
            assert isinstance(image, EncodedImage)
            told = PaintedMatte(1, "painted", image)
            client.ask(AddReference(1004, (told,)), session)
            back = floats(client.ask(GetMattes((1004,)), session).mattes[0].image)
            assert np.abs(back - exact).max() < 0.004
        small = client.ask(GetMattes((1003,), dtype="uint8", side=40), session).mattes[0].image
        assert floats(small).shape == (24, 40)
        view = client.ask(GetFrame(1003), session).image
        assert np.array_equal(floats(view), SHOT.pictures[2])
        stored = client.ask(GetFrame(1003, form="png", view=False), session).image
        assert isinstance(stored, EncodedImage)
        alone = client.ask(Preview(1003, dtype="float32"), session).mattes[0]
        assert floats(alone.image).shape == SHOT.size


def test_mistakes_are_told_in_sentences(engine: Engine, plate: Path) -> None:
    with connected(engine) as client:
        session = opened(client, plate)
        with pytest.raises(UnknownSession):
            client.ask(GetSession(), "ab" * 16)
        with pytest.raises(BadMask, match="8 x 8 pixels"):
            paint(client, session, FIRST, {1: np.zeros((8, 8), np.float32)})
        for data, why in ((b"GIF89a", "not png"), (b"\x89PNG\r\n\x1a\n123", "can't be read")):
            told = PaintedMatte(1, "painted", EncodedImage("png", data))
            with pytest.raises(BadMask, match=why):
                client.ask(AddReference(FIRST, (told,)), session)
        with pytest.raises(NothingToUndo):
            client.ask(Redo(), session)
        with pytest.raises(UnknownJob):
            client.ask(Cancel("ab" * 8), session)
        with pytest.raises(UsageError, match="no path"):
            client.ask(Preview(FIRST, form="path"), session)
        with pytest.raises(PathRefused):
            client.ask(OpenClip(PathClip("plate")))
        assert client.ask(GetSession(), session).revision == 1


def test_control_is_answered_and_requests_fit_in_while_a_job_runs(
    engine: Engine, tmp_path: Path
) -> None:
    shot = draw_shot(40, height=240, width=320)
    plate = write_plate(tmp_path / "long", shot.pictures)
    with connected(engine) as client:
        session = painted_session(client, plate, shot)
        job = client.ask(Propagate(), session).job
        until(client, lambda e: isinstance(e.message, MatteReady))
        assert client.ask(Ping(), deadline=2).busy
        status = client.ask(Status(of=session), deadline=2)
        assert [j.job for j in status.jobs] == [job]
        assert status.gauges.permanent > 0
        assert client.ask(AddObject("meanwhile"), session).object.object == 2
        assert client.ask(Preview(1030), session).mattes
        with pytest.raises(Busy, match="running"):
            client.ask(Propagate(), session)
        with pytest.raises(Busy):
            client.ask(Undo(), session) and client.ask(Undo(), session)
        assert client.ask(Cancel(), session, deadline=2).jobs == (job,)
        done, _ = finished(client, job)
        assert done.cancelled
        assert 0 < sum(last - first + 1 for first, last in done.frames) < 40
        count = len(client.ask(GetConfidence(), session).values)
        assert count >= 1
        again, _ = propagated(client, session)
        assert again.frames == ((1001, 1040),)


def test_a_request_that_comes_again_is_done_once(engine: Engine, plate: Path) -> None:
    with connected(engine) as client:
        session = opened(client, plate)
        sent = client.submit(AddObject("twice"), session)
        until_done(client, sent)
        link = client._line
        link.send(Envelope(AddObject("twice"), sent.envelope.id, session=session), None)
        objects = client.ask(ListObjects(), session).objects
        assert [o.name for o in objects] == ["object 1", "twice"]


def until_done(client: object, pending: object) -> None:
    while not pending.done:  # type: ignore[attr-defined]
        client.pump()  # type: ignore[attr-defined]
        time.sleep(0.001)


def test_clients_hear_of_each_other(engine: Engine, plate: Path) -> None:
    with connected(engine) as one, connected(engine, log_level="info") as two:
        session = opened(one, plate)
        workspace = one.ask(GetSession(), session).workspace
        assert two.ask(AttachSession(workspace), session).objects
        assert one.ask(ListSessions()).sessions[0].clients == 2
        one.ask(AddObject("new"), session)
        heard = until(two, lambda e: isinstance(e.message, SessionChanged))[-1].message
        assert isinstance(heard, SessionChanged)
        assert heard.edit == "add object new"
        one.ask(CloseSession(), session)
        assert two.ask(ListSessions()).sessions[0].clients == 1
        two.ask(CloseSession(), session)
        assert two.ask(ListSessions()).sessions == ()
        assert not (Path(workspace) / "lock").exists()
        opened(one, plate, objects=0)
        until(two, lambda e: isinstance(e.message, LogLine))


def test_four_clients_get_what_each_gets_alone(engine: Engine, tmp_path: Path) -> None:
    shots = [draw_shot(6, height=48 + 8 * n, width=80, radius=0.2 + n / 50) for n in range(4)]
    plates = [write_plate(tmp_path / f"p{n}", shot.pictures) for n, shot in enumerate(shots)]
    results: dict[str, list[bytes]] = {}

    def play(n: int, workspace: str) -> None:
        with connected(engine) as client:
            session = painted_session(client, plates[n], shots[n], workspace=workspace)
            propagated(client, session)
            mattes = client.ask(GetMattes(tuple(range(1001, 1007))), session).mattes
            results[workspace] = [floats(m.image).tobytes() for m in mattes]

    together = [threading.Thread(target=play, args=(n, f"together-{n}")) for n in range(4)]
    for thread in together:
        thread.start()
    for thread in together:
        thread.join()
    for n in range(4):
        play(n, f"alone-{n}")
        assert results[f"together-{n}"] == results[f"alone-{n}"]


def test_a_clip_that_is_sent(engine: Engine, tmp_path: Path) -> None:
    height, width = SHOT.size
    with connected(engine) as client:
        clip = SentClip(((1, 3),), width, height)
        state = client.ask(OpenClip(clip, workspace="sent", model="lite"), deadline=60)
        assert state.missing == ((1, 3),)
        raw = [np.ascontiguousarray(picture) for picture in SHOT.pictures]
        frames = tuple(
            FrameImage(
                n, RawImage("uint8", raw[n].shape, ("R", "G", "B"), "srgb", raw[n].data.cast("B"))
            )
            for n in (1, 2)
        )
        taken = client.ask(PutFrames(frames), state.session)
        assert (taken.frames, taken.missing) == ((1, 2), ((3, 3),))
        path = write_plate(tmp_path / "other", SHOT.pictures[3:4]) / "plate.1001.png"
        client.ask(PutFrames((FrameImage(3, PathImage(str(path))),)), state.session)
        assert client.ask(GetSession(), state.session).missing == ()
        for n in (1, 2, 3):
            assert np.array_equal(floats(client.ask(GetFrame(n), state.session).image), raw[n])
        client.ask(AddObject("ball"), state.session)
        paint(client, state.session, 1, {1: SHOT.matte(1)})
        assert propagated(client, state.session)[0].frames == ((1, 3),)
        before = floats(client.ask(GetMattes((2,)), state.session).mattes[0].image)
        client.ask(PutFrames((FrameImage(2, PathImage(str(path))),)), state.session)
        assert sorted(propagated(client, state.session)[1]) == [1, 2, 3]
        after = floats(client.ask(GetMattes((2,)), state.session).mattes[0].image)
        assert np.abs(after - before).max() > 0.1


def test_exports_go_where_they_may(engine: Engine, plate: Path, tmp_path: Path) -> None:
    inside = tmp_path / "projects" / "out"
    with connected(engine) as client:
        session = painted_session(client, plate, SHOT)
        propagated(client, session)
        job = client.ask(Export(str(inside), format="png", dtype="uint8"), session).job
        finished(client, job)
        assert len(list((inside / "object 1").glob("plate_object 1.*.png"))) == 6
        with pytest.raises(OutputExists):
            client.ask(Export(str(inside), format="png", dtype="uint8"), session)
        layered = Export(str(inside), "{clip}.{frame:06}", range=(1002, 1002))
        finished(client, client.ask(layered, session).job)
        assert (inside / "plate.001002.exr").is_file()
        for folder in (tmp_path / "elsewhere", inside / ".." / ".." / "x"):
            with pytest.raises(PathRefused):
                client.ask(Export(str(folder)), session)
        with pytest.raises(UsageError):
            client.ask(Export(str(inside), "../{frame}"), session)


def test_progress_is_told(engine: Engine, plate: Path) -> None:
    with connected(engine) as client:
        session = painted_session(client, plate, SHOT)
        client.ask(Propagate(range=(1001, 1003)), session)
        came = until(client, lambda e: isinstance(e.message, JobDone))
        last = [e.message for e in came if isinstance(e.message, Progress)][-1]
        assert (last.done, last.total) == (3, 3)
        assert all(e.session == session for e in came)


def test_a_copy_of_an_open_project_is_refused(engine: Engine, plate: Path, tmp_path: Path) -> None:
    with connected(engine) as client:
        session = opened(client, plate, objects=0)
        folder = Path(client.ask(GetSession(), session).workspace)
        copy = tmp_path / "projects" / "copy"
        shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("lock"))
        with pytest.raises(UsageError, match="copy"):
            client.ask(AttachSession(str(copy)), session)
        assert not (copy / "lock").exists()
        assert client.ask(GetSession(), session).workspace == str(folder)
