# SPDX-License-Identifier: Apache-2.0
"""What every host promises to the commands; for the fake one and for real ones.

Standard library only: it runs inside hosts as well. A `Stage` sets a host up and looks at it.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, Protocol

FIRST, LAST = 1001, 1010


class Stage(Protocol):
    """A host with a clip of the frames 1001 to 1010, nothing painted, no session known.

    Attributes:
        host: it.
        size: height and width of the clip.
    """

    host: Any
    size: tuple[int, int]

    def shared(self, name: str) -> ModuleType:
        """A module of `shared` as the host has it."""

    def paint(self, name: str) -> None:
        """The artist paints an object at the current frame."""

    def png(self) -> bytes:
        """A matte of the clip's size as PNG."""

    def described(self, image: Any) -> tuple[tuple[int, int], tuple[str, ...]]:
        """Size and channels of a painted matte that is sent as the bytes of a file."""

    def marked(self) -> list[int]:
        """Frames that are marked as candidates, best first."""

    def artists_marks(self) -> list[int]:
        """Frames that the artist marked: frame 1003."""

    def shown(self) -> set[tuple[int, int]]:
        """Frame and object of the mattes that are shown."""


def state_of(stage: Stage, *names: str, **changes: Any) -> Any:
    """A session with these objects."""
    messages = stage.shared("messages")
    objects = tuple(
        messages.ObjectInfo(number, name, (255, 128, 0)) for number, name in enumerate(names, 1)
    )
    height, width = stage.size
    fields = {"objects": objects, "references": (), **changes}
    return messages.SessionState(
        "5e" * 16, "/w/shot", "shot", ((FIRST, LAST),), width, height, "lite", 0, **fields
    )


def check_frames_are_the_clips_own(stage: Stage) -> None:
    for frame in (FIRST, 1005, LAST):
        stage.host.go_to(frame)
        found = stage.host.current_frame()
        assert found == frame
        assert type(found) is int


def check_the_clip_is_named_by_a_path(stage: Stage) -> None:
    message = stage.host.clip()
    assert type(message) is stage.shared("messages").OpenClip
    assert message.name
    assert message.clip.path.startswith("/")
    assert "%04d" in message.clip.path


def check_a_session_is_remembered(stage: Stage) -> None:
    assert stage.host.remembered() is None
    kept = stage.shared("hosts").Remembered("5e" * 16, "/w/shot")
    stage.host.remember(kept)
    assert stage.host.remembered() == kept


def check_what_is_painted_is_told_and_nothing_else(stage: Stage) -> None:
    state = state_of(stage, "hand", "ball")
    stage.host.show_session(state)
    stage.host.go_to(1004)
    assert stage.host.painted(1004, state.objects) == ()
    stage.paint("ball")
    (painted,) = stage.host.painted(1004, state.objects)
    assert (painted.object, painted.state) == (2, "painted")
    image = painted.image
    assert image.space == "data"
    if isinstance(image, stage.shared("image").EncodedImage):
        assert stage.described(image) == (stage.size, ("A",))
    else:
        assert (image.height, image.width) == stage.size
        assert (image.channels, image.origin) == (("A",), "top-left")


def check_mattes_are_shown(stage: Stage) -> None:
    stage.host.show_session(state_of(stage, "hand"))
    messages, image = stage.shared("messages"), stage.shared("image")
    height, width = stage.size
    picture = {
        "png": lambda: image.EncodedImage("png", stage.png()),
        "raw": lambda: image.RawImage("uint8", stage.size, ("A",), "data", bytes(height * width)),
        "path": lambda: image.PathImage("/w/shot/matte.png", "data"),
    }[stage.host.matte_form()]()
    flags = {"painted": False, "locked": False, "confidence": 0.5}
    mattes = [messages.MatteImage(frame, 1, picture, **flags) for frame in (1002, 1003)]
    stage.host.show_mattes(mattes[:1], preview=True)
    assert stage.shown() == set()
    stage.host.show_mattes(mattes, preview=False)
    assert stage.shown() == {(1002, 1), (1003, 1)}


def check_candidates_take_the_place_of_earlier_ones(stage: Stage) -> None:
    stage.host.show_candidates((1007, 1003))
    assert stage.marked() == [1007, 1003]
    stage.host.show_candidates((1003,))
    assert stage.marked() == [1003]
    stage.host.show_candidates(())
    assert stage.marked() == []
    assert stage.artists_marks() == [1003]


def check_the_rest_is_taken(stage: Stage) -> None:
    messages, hosts, errors = (stage.shared(name) for name in ("messages", "hosts", "errors"))
    stage.host.show_session(state_of(stage, "hand"))
    stage.host.show_job(hosts.JobShown("ab" * 8, "propagate", 1, 10, 2.5))
    stage.host.show_job(None)
    stage.host.show_confidence((messages.FrameConfidence(1002, 1, 0.25),))
    stage.host.show_error(errors.OutOfMemory("4K does not fit."))


CHECKS = {name: check for name, check in sorted(globals().items()) if name.startswith("check_")}
