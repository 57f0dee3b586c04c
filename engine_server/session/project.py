# SPDX-License-Identifier: Apache-2.0
"""A session that lives on disk: killed at any instant, it goes on where it was."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import logging
from collections.abc import Collection, Generator, Iterable, Mapping
from dataclasses import replace
from typing import NoReturn

from engine_server import __version__
from engine_server.digest import sha256_of
from engine_server.media.write import encode_soft_png
from engine_server.network.inference import Runtime, precision_of
from engine_server.network.state import load_model
from engine_server.network.weights import default_weights, resolve
from shared.errors import FrameUnreadable, NoReferences, UsageError

from .kept_session import KeptSession, told_files
from .preparation import Preparation
from .propagation import FrameResult, Step
from .propagator import Propagator
from .recipe import plate_print, recipe_of
from .scaling import SIZE
from .sweeps import Direction, frames_in
from .workspace import (
    Clip,
    History,
    ProjectFolder,
    ProjectHeader,
    Run,
    StoredMatte,
    Workspace,
)
from .workspace.disk import write_durably
from .workspace.plates import open_clip

__all__ = ["Project"]

log = logging.getLogger(__name__)

Painted = Mapping[int, Mapping[int, StoredMatte]]


class Project(KeptSession):
    """The session of a clip in a workspace, with propagations that survive a crash.

    A finished frame is on disk before the next one is begun. A result carries a *recipe*, a
    digest of all that it depends on; a frame that has a result of the same recipe is not
    computed again. Where frames depend on those before them (networks with a working memory),
    these are visited again to get there, but what is stored of them stays.

    Arguments and errors are those of `KeptSession`.
    """

    def __init__(
        self,
        folder: ProjectFolder,
        *,
        device: str = "auto",
        model: str | None = None,
        size: int | None = None,
    ) -> None:
        super().__init__(folder, device=device, model=model, size=size)
        self._runtime = Runtime.choose(device)
        self._previewer: Propagator | None = None

    @classmethod
    def of_clip(
        cls,
        workspace: Workspace,
        clip: Clip,
        *,
        name: str | None = None,
        folder: ProjectFolder | None = None,
        model: str | None = None,
        size: int | None = None,
        device: str = "auto",
    ) -> Project:
        """Opens the project of a clip; makes it where there is none.

        Args:
            workspace: in which it is looked for.
            clip: the plate; its ``size`` is looked up where it has a path.
            name: for people; by default the plate's.
            folder: where it is, or goes; by default a folder named for the clip.
            model, size, device: as for `Session`.

        Raises:
            what `Project`, `open_plate` and writing raise.
        """
        home = folder or workspace.folder_of(clip)
        if not home.header_file.exists():
            resolve(model or default_weights())  # raises: a project of no network can't be opened
            with contextlib.closing(open_clip(clip, home)) as plate:
                clip = replace(clip, size=plate.size)
                title = name or plate.name
            home.create_once(ProjectHeader(title, clip, model or default_weights(), size or SIZE))
        return cls(home, device=device, model=model, size=size)

    # Propagation

    @property
    def unfinished(self) -> Run | None:
        """The last propagation, if it was interrupted by the engine's end.

        Other edits may have come after it: an artist paints while it runs.
        """
        asked = [edit.n for edit in self.history.done if edit.do == "propagate"]
        run = self.contents.runs.get(asked[-1]) if asked else None
        return run if run is not None and not run.ended and run.n != self._running else None

    def begin(
        self,
        *,
        frames: tuple[int, int] | None = None,
        direction: Direction = "forward",
        flow: bool = True,
        objects: Collection[int] = (),
        request: str = "",
    ) -> Run:
        """Logs a propagation, which `run` carries out.

        One that was stopped and is asked for again in the same way goes on: both are one step
        of undo.

        Args:
            frames, direction, flow: as for `Session.propagate`.
            objects: whose mattes are replaced; none named is all.
            request: see `KeptSession`.

        Raises:
            NoReferences, UnknownFrame, UnknownObject: as for `Session.propagate`.
            DiskFull, OutputUnwritable.
        """
        self._check_open()
        self._check_painted()
        frames_in(self.plate, frames)
        for obj in objects:
            self._check_object(obj)
        asked = {"range": list(frames) if frames else None, "direction": direction, "flow": flow}
        recipe = self._recipe(asked, self.contents.references)
        settings = {**asked, "objects": sorted(objects), "recipe": recipe}
        stopped = self._stopped(settings)
        if stopped is not None:
            self._edited("resume", request, of=stopped.n)
        n = stopped.n if stopped else self._edited("propagate", request, **settings).n
        self._running = n
        return self.contents.runs[n]

    def take_up(self, run: Run, *, request: str = "") -> Run:
        """Goes on with a propagation that was interrupted, with what was painted back then.

        It begins anew where plate, weights or version of the engine are not those of then.

        Args:
            run: `unfinished`.
            request: see `KeptSession`.

        Raises:
            as for `begin`; ``NoReferences`` too if none of its objects is there any more.
        """
        asked = {key: run.settings[key] for key in ("range", "direction", "flow")}
        painted = self._painted_for(run)
        if not painted:
            raise NoReferences("Nothing that was to be propagated is there any more.")
        if self._recipe(asked, painted) == run.settings["recipe"]:
            self._edited("resume", request, of=run.n)
            self._running = run.n
            return self.contents.runs[run.n]
        self.end(run, "failed")
        objects = [obj for obj in run.settings["objects"] if obj in self._names]
        return self.begin(
            frames=_range(run),
            direction=asked["direction"],
            flow=asked["flow"],
            objects=objects,
            request=request,
        )

    def frames_of(self, run: Run) -> list[int]:
        """Frames that a propagation was asked for and the plate has, rising."""
        return frames_in(self.plate, _range(run))

    def finished(self, run: Run) -> set[int]:
        """Frames of a propagation that need not be computed any more; locked ones among them."""
        told = {obj for mattes in self._painted_for(run).values() for obj in mattes}
        wanted = told & set(run.settings["objects"] or told) & set(self._names)
        frames = self.frames_of(run)
        return {f for f in frames if f in self.contents.locked or self._has(run, f, wanted)}

    def run(self, run: Run) -> Generator[Step, None, None]:
        """Carries a propagation out, one frame per step; each is on disk when it is given.

        Frames that are finished or locked are not given. Whoever ends the iterator early says
        by `end` whether the propagation is over; without that it is `unfinished`.

        Yields:
            results, errors of unreadable frames, and work that prepares results.

        Raises:
            what `Session.propagate_frames` raises; DiskFull, OutputUnwritable.
        """
        settings = run.settings
        painted = {f: self._painting(told) for f, told in self._painted_for(run).items()}
        steps = self._propagator.carry(
            painted,
            _range(run),
            settings["direction"],
            flow=settings["flow"],
            leave=self.finished(run),
        )
        self._running = run.n
        try:
            with self._busy(), contextlib.closing(steps):
                for step in steps:
                    yield self._kept(run, step)
        finally:
            self._running = 0

    def end(self, run: Run, how: str) -> None:
        """Logs that a propagation is over: ``done``, ``cancelled`` or ``failed``."""
        self._running = 0
        self._edited("end", of=run.n, how=how)

    def adapt(self, *args: object, **options: object) -> NoReturn:
        """Always refused: a result's recipe names the weights file, not what was fitted since."""
        raise UsageError(
            "A project in a workspace can't be adapted.", hint="Use `xmempp propagate --adapt`."
        )

    def propagate_frames(
        self,
        *,
        frames: tuple[int, int] | None = None,
        direction: Direction = "forward",
        flow: bool = True,
        leave: Collection[int] = (),
    ) -> Generator[Step, None, None]:
        """As `Session.propagate_frames`, but everything is kept; ``leave`` must be empty."""
        if leave:
            raise UsageError("A project finds by itself which frames are finished.")
        run = self.begin(frames=frames, direction=direction, flow=flow)
        how = "failed"
        try:
            yield from self.run(run)
            how = "done"
        except GeneratorExit:
            how = "cancelled"
            raise
        finally:
            self.end(run, how)

    def preview(self, frame: int, *, flow: bool = False) -> FrameResult:
        """The result of one frame from the references alone, kept nowhere.

        It may be asked for while a propagation is under way, between two of its steps.

        Args:
            frame: the clip's own frame number.
            flow: whether optical flow is weighed in: slower, it looks at all frames between
                the references beside this one.

        Raises:
            NoReferences: nothing is painted.
            UnknownFrame, FrameUnreadable.
        """
        self._check_open()
        self._check_painted()
        self._check_frame(frame)
        steps = self._idle_propagator().run([frame], self._references, "forward", flow=flow)
        with contextlib.closing(steps):
            result = next(step for step in steps if not isinstance(step, Preparation))
        if isinstance(result, FrameUnreadable):
            raise result
        return result

    def forget_pictures(self) -> None:
        """Tells that frames of the plate changed: what the network kept of them is dropped."""
        self._propagator, self._previewer = self._new_propagator(), None

    def drop_caches(self) -> None:
        """Frees memory: pictures and keys that can be made again."""
        self.plate.forget_views()
        self._propagator.forget_keys()
        self._previewer = None

    # Inside

    def _take(self, result: FrameResult, *, keep: bool) -> None:
        """Nothing is left to do: `run` has stored it."""

    def _idle_propagator(self) -> Propagator:
        """The propagator, or another one while it is in the midst of a sweep."""
        if self._state != "propagating":
            return self._propagator
        if self._previewer is None:
            self._previewer = self._new_propagator()
        return self._previewer

    def _new_propagator(self) -> Propagator:
        load = functools.partial(load_model, self.weights)
        return Propagator(self.plate, load, self._runtime, self.header.size, self._names)

    def _painted_for(self, run: Run) -> Painted:
        """What was painted when a propagation was asked for.

        It may wait or run for long, and its recipe says what it was made from. Paintings whose
        objects are all gone by now are left out.
        """
        then = (e for e in self.history.edits if e.n <= run.n or e.do == "lost")
        painted = History(then).contents.references
        return {f: told for f, told in painted.items() if not set(self._names).isdisjoint(told)}

    def _recipe(self, asked: Mapping[str, object], painted: Painted) -> str:
        """Of a propagation of what is painted; its range counts only where frames depend."""
        precision = precision_of(self.tracker.network, self.runtime)
        engine = {"version": __version__, "weights": self._weights_print, "precision": precision}
        settings = {**engine, "size": self.header.size, **asked}
        if not (asked["flow"] or self.tracker.depends_on_past):
            settings.update(range=None, direction=None)
        return recipe_of(painted, plate_print(self.plate), settings)

    @functools.cached_property
    def _weights_print(self) -> str:
        return sha256_of(self.weights)

    def _stopped(self, settings: Mapping[str, object]) -> Run | None:
        """The last propagation, if it was stopped and is the same."""
        last = self.history.done[-1:]
        run = self.contents.runs.get(last[0].n) if last and not self.history.undone else None
        if run is None or run.ended == "done":
            return None
        return run if {**run.settings, **settings} == run.settings else None

    def _has(self, run: Run, frame: int, objects: Iterable[int]) -> bool:
        stored, recipe = self.contents.mattes.get(frame, {}), run.settings["recipe"]
        return all(obj in stored and stored[obj].recipe == recipe for obj in objects)

    def _kept(self, run: Run, step: Step) -> Step:
        """Stores what is new of a step."""
        if isinstance(step, Preparation):
            return step
        if isinstance(step, FrameUnreadable):
            if run.skipped.get(step.frame) != step.message:
                self._edited("skipped", of=run.n, frame=step.frame, why=step.message)
            return step
        self._propagator.keep_keys(step)
        wanted = self._wanted(run, step)
        if not wanted or step.frame in self.contents.locked or self._has(run, step.frame, wanted):
            return Preparation("replay", step.frame, 1, 1)
        with self._written() as files:
            for obj in wanted:
                files[obj] = self._result(run, step, obj)
            self._edited("matte", of=run.n, frame=step.frame, files=told_files(files))
        return step

    def _wanted(self, run: Run, result: FrameResult) -> list[int]:
        """Objects whose mattes are replaced, without those removed meanwhile."""
        asked = run.settings["objects"] or result.mattes
        return [i for i in result.mattes if i in asked and i in self._names]

    def _result(self, run: Run, result: FrameResult, obj: int) -> StoredMatte:
        """Writes one matte as 16-bit PNG."""
        stem = self.folder.matte_stem("mattes", run.n, result.frame, obj)
        path, data = stem.with_name(f"{stem.name}.png"), encode_soft_png(result.mattes[obj])
        write_durably(path, data)
        return StoredMatte(
            self.folder.relative(path),
            hashlib.sha256(data).hexdigest(),
            round(result.confidence[obj], 6),
            run.settings["recipe"],
        )


def _range(run: Run) -> tuple[int, int] | None:
    """The frames that a propagation was asked for."""
    asked = run.settings["range"]
    return (asked[0], asked[1]) if asked else None
