# SPDX-License-Identifier: Apache-2.0
"""What the engine knows of each client, and what waits to be sent to it."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from shared.arena import RoomShelf
from shared.codec import Envelope, decode, encode
from shared.errors import InternalError, ProtocolError, XmemppError
from shared.frame import joined
from shared.image import Data
from shared.messages import ErrorReply, LogLine, Progress
from shared.seal import Sealer

from .weight import weight

__all__ = ["Letter", "Peer"]

log = logging.getLogger(__name__)

MOST_WAITING = 10_000  # letters to a client that does not read; then it is dropped
MOST_OWED = 2 << 30  # bytes of pixels in them
MOST_LOG_LINES = 100  # waiting for one client
LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True)
class Letter:
    """A message to a client.

    Attributes:
        envelope: the message.
        room: in shared memory, of the request that is answered.
    """

    envelope: Envelope
    room: tuple[int, int] | None = None


@dataclass
class Peer:
    """One connection of a client.

    Attributes:
        name: routing id that the socket gave it.
        sealer: the engine's end of the connection.
        shelf: shared memory that it offered.
        level: least level of log lines that it wants; None for none.
        heard: when it was heard last, `time.monotonic`.
        outbox: what waits to be sent, oldest first.
        inbox: what came and waits to be read, oldest first.
        busy, sealing: whether a message from it is being read, or one to it sealed, on another
            thread.
        rooms: in shared memory, by request, for the reply.
        asked: requests that have no answer yet.
        held: bytes that came from it and wait to be read.
    """

    name: bytes
    sealer: Sealer
    shelf: RoomShelf | None = None
    level: str | None = None
    heard: float = field(default_factory=time.monotonic)
    outbox: deque[Letter] = field(default_factory=deque)
    inbox: deque[list[Data]] = field(default_factory=deque)
    busy: bool = False
    sealing: bool = False
    rooms: dict[str, tuple[int, int] | None] = field(default_factory=dict)
    asked: int = 0
    held: int = 0
    _owed: int = 0
    _sealed: bytes | None = None

    @property
    def overrun(self) -> bool:
        """Whether more waits for it than anyone may leave lying."""
        return len(self.outbox) > MOST_WAITING or self._owed > MOST_OWED

    def post(self, letter: Letter) -> None:
        """Puts a letter into the outbox.

        To a client that does not keep up, progress of a job takes the place of what was told
        of that job before, and log lines are left out; replies and results never are.
        """
        message = letter.envelope.message
        if isinstance(message, Progress) and self._replaced(letter, message.job):
            return
        if isinstance(message, LogLine) and len(self.outbox) >= MOST_LOG_LINES:
            return
        self._owed += weight(message)
        self.outbox.append(letter)

    def wants(self, level: str) -> bool:
        """Whether it wants log lines of a level."""
        return self.level is not None and LEVELS.index(level) >= LEVELS.index(self.level)

    def send(self, out: Callable[[bytes, bytes], bool]) -> bool:
        """Sends the oldest letter; whether it went.

        Args:
            out: hands name and message to the socket; false where they must wait.
        """
        if self._sealed is None:
            self.seal()
        if not out(self.name, self._sealed or b""):
            return False
        self._sealed = None
        self._owed -= weight(self.outbox.popleft().envelope.message)
        return True

    def _replaced(self, letter: Letter, job: str) -> bool:
        """The first of the outbox is sealed perhaps, and stays."""
        for i in range(len(self.outbox) - 1, 0, -1):
            waiting = self.outbox[i].envelope.message
            if isinstance(waiting, Progress) and waiting.job == job:
                self.outbox[i] = letter
                return True
        return False

    @property
    def sealed(self) -> bool:
        """Whether the oldest letter is ready to be sent."""
        return self._sealed is not None

    @property
    def established(self) -> bool:
        """Whether it has proved that it took part in this very connection."""
        return self.sealer.established

    def hold(self, parts: list[Data]) -> None:
        """Keeps a message that came until it is read."""
        self.held += _bytes_of(parts)
        self.inbox.append(parts)

    def take(self) -> list[Data]:
        """The oldest message that waits to be read."""
        parts = self.inbox.popleft()
        self.held -= _bytes_of(parts)
        return parts

    def decoded(self, parts: list[Data]) -> Envelope | ProtocolError:
        """A message that came, or what is wrong with it."""
        try:
            return decode(parts, self.sealer, self.shelf)
        except ProtocolError as error:
            return error
        except Exception as error:  # no memory, a file that can't be read: not the engine's end
            log.warning("a message can't be read: %r", error)
            return ProtocolError("A message can't be read.")

    def seal(self) -> None:
        """Makes the oldest letter ready to be sent; an error in place of one that can't be."""
        self._sealed = joined(self._seal(self.outbox[0]))

    def close(self) -> None:
        """Lets go of its shared memory."""
        if self.shelf is not None:
            self.shelf.close()

    def _seal(self, letter: Letter) -> list[Data]:
        try:
            shelf = self.shelf.room(letter.room) if self.shelf is not None else None
            return encode(letter.envelope, self.sealer, shelf)
        except ProtocolError as error:
            log.warning("a message can't be sent: %s", error)
            return self._sealed_error(letter, error)
        except Exception as error:
            log.warning("a message can't be sent: %r", error)
            return self._sealed_error(letter, InternalError("The answer can't be sent."))

    def _sealed_error(self, letter: Letter, error: XmemppError) -> list[Data]:
        return encode(replace(letter.envelope, message=ErrorReply.of(error)), self.sealer)


def _bytes_of(parts: list[Data]) -> int:
    return sum(memoryview(part).nbytes for part in parts)
