# SPDX-License-Identifier: Apache-2.0
"""What the control thread answers by itself: it never waits for the worker."""

from __future__ import annotations

import logging
import os
import platform
import time
from collections.abc import Callable
from typing import Any

import torch

from engine_server import __version__
from engine_server.media import INPUT_SPACES
from engine_server.network.inference import Runtime
from engine_server.network.weights import list_weights
from shared.arena import open_arena
from shared.codec import Envelope, new_id
from shared.errors import UnknownJob, UnknownSession, XmemppError
from shared.messages import (
    Cancel,
    CancelReply,
    DeviceInfo,
    Done,
    ErrorReply,
    Gauges,
    Hello,
    ListSessions,
    ModelInfo,
    Ping,
    Pong,
    Reply,
    Sessions,
    Shutdown,
    Status,
    StatusReport,
    Welcome,
)

from .board import Board
from .gauges import machine_memory
from .peers import Peer

__all__ = ["Control"]

log = logging.getLogger(__name__)


class Control:
    """Answers requests about the engine as a whole.

    Args:
        board: what the worker tells of itself.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        shut_down: called with whether running jobs are waited for.
    """

    def __init__(self, board: Board, device: str, shut_down: Callable[[bool], None]) -> None:
        self._board, self._shut_down = board, shut_down
        self._runtime = Runtime.choose(device)
        self._began = time.monotonic()
        self._id = new_id()
        self._answers: dict[type, Callable[[Peer, Envelope, Any], Reply]] = {
            Hello: self._hello,
            Ping: self._ping,
            Status: self._status,
            ListSessions: self._sessions,
            Cancel: self._cancel,
            Shutdown: self._shutdown,
        }

    def __call__(self, peer: Peer, envelope: Envelope) -> Reply:
        """The answer to a request whose class says ``control``."""
        try:
            return self._answers[type(envelope.message)](peer, envelope, envelope.message)
        except XmemppError as error:
            return ErrorReply.of(error)

    def _hello(self, peer: Peer, envelope: Envelope, message: Hello) -> Reply:
        peer.level = message.log_level
        if message.arena is not None and peer.shelf is None:
            try:
                peer.shelf = open_arena(message.arena.path, message.arena.size)
            except XmemppError as error:
                log.info("shared memory is not used: %s", error)
        return Welcome(
            self._id,
            __version__,
            os.getpid(),
            models=_models(),
            devices=(self._device(),),
            spaces=INPUT_SPACES,
            arena=peer.shelf is not None,
        )

    def _ping(self, peer: Peer, envelope: Envelope, message: Ping) -> Reply:
        return Pong(time.monotonic() - self._began, bool(self._board.notice.jobs))

    def _status(self, peer: Peer, envelope: Envelope, message: Status) -> Reply:
        notice = self._board.notice
        if message.of is not None and message.of not in notice.gauges:
            raise UnknownSession("That session is not open.")
        return StatusReport(
            time.monotonic() - self._began,
            notice.device or str(self._runtime.device),
            notice.gauges.get(message.of or "", Gauges()),
            self._board.job_infos(),
            self._board.session_infos(),
        )

    def _sessions(self, peer: Peer, envelope: Envelope, message: ListSessions) -> Reply:
        return Sessions(self._board.session_infos())

    def _cancel(self, peer: Peer, envelope: Envelope, message: Cancel) -> Reply:
        mine = [job for job in self._board.notice.jobs if job.session == envelope.session]
        wanted = [job for job in mine if message.job in (None, job.id)]
        if message.job is not None and not wanted:
            raise UnknownJob("That job is not there, or has ended.")
        for job in wanted:
            job.cancelled = True
        return CancelReply(tuple(job.id for job in wanted))

    def _shutdown(self, peer: Peer, envelope: Envelope, message: Shutdown) -> Reply:
        self._shut_down(message.wait)
        return Done()

    def _device(self) -> DeviceInfo:
        device = self._runtime.device
        if device.type == "cuda":
            facts = torch.cuda.get_device_properties(device)
            return DeviceInfo(str(device), facts.name, facts.total_memory)
        return DeviceInfo(str(device), platform.processor() or platform.machine(), machine_memory())


def _models() -> tuple[ModelInfo, ...]:
    return tuple(ModelInfo(known.name, known.present, known.about) for known in list_weights())
