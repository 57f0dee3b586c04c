# SPDX-License-Identifier: Apache-2.0
"""Raw frames over loopback, against a plain copy of memory.

    python -m benchmarks.wire [--repeats 30]

A frame goes from one end of a connection to the other as a message of the protocol, through
real sockets: by shared memory, as the plugins send it, or as a sealed part of the message. Beside
it stand what a plain copy takes, into memory that is used again and into fresh memory; a
socket without any seal; ZeroMQ's CURVE; and the digests alone. Eight frames take turns, so
that none is in the processor's caches; ways take turns as well. The shortest wall clock and
the median of processor time count: a machine that has other work adds to all others.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import os
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import zmq

from shared.arena import Arena, open_arena
from shared.codec import DEFAULT_LIMITS, Envelope, Shelf, decode, decode_greeting, encode, new_id
from shared.frame import joined, parted
from shared.image import ITEM_SIZES, RawImage
from shared.messages import FrameImage, Hello, PutFrames, Welcome
from shared.seal import Sealer

KEY = bytes(range(32))
FRAMES = 8  # that take turns


@dataclass(frozen=True)
class Size:
    """A kind of frame."""

    name: str
    height: int
    width: int
    dtype: str

    @property
    def bytes(self) -> int:
        """Of one frame of three channels."""
        return self.height * self.width * 3 * ITEM_SIZES[self.dtype]


SIZES = (
    Size("1080p 8 bit", 1080, 1920, "uint8"),
    Size("1080p half", 1080, 1920, "float16"),
    Size("1080p float", 1080, 1920, "float32"),
    Size("4K half", 2160, 3840, "float16"),
    Size("4K float", 2160, 3840, "float32"),
)


class Wire:
    """Two sockets that are connected over loopback."""

    def __init__(self, *, curve: bool = False) -> None:
        self.context: zmq.Context[Any] = zmq.Context()
        self.client, self.engine = (self.context.socket(kind) for kind in (zmq.DEALER, zmq.ROUTER))
        if curve:
            public, self.engine.curve_secretkey = zmq.curve_keypair()
            self.engine.curve_server = True
            self.client.curve_serverkey = public
            self.client.curve_publickey, self.client.curve_secretkey = zmq.curve_keypair()
        port = self.engine.bind_to_random_port("tcp://127.0.0.1")
        self.client.connect(f"tcp://127.0.0.1:{port}")

    def carry(self, parts: list[Any]) -> list[Any]:
        """What arrives at the engine's end."""
        self.client.send(joined(parts), copy=False)
        frames = self.engine.recv_multipart(copy=False)[1:]
        return parted([frame.buffer for frame in frames], DEFAULT_LIMITS)

    def close(self) -> None:
        """Ends both sockets."""
        self.context.destroy(linger=0)


class Conversation:
    """Both ends of a sealed connection, with shared memory."""

    def __init__(self) -> None:
        self.wire = Wire()
        self.client = Sealer(KEY, engine_side=False)
        hello = Envelope(Hello("benchmark", "0", os.getpid()), new_id())
        self.engine, _ = decode_greeting(encode(hello, self.client), KEY)
        welcome = Welcome("00" * 16, "0", os.getpid(), arena=True)
        decode(encode(hello.answer(welcome), self.engine), self.client)
        self.arena = Arena()
        self.store = open_arena(str(self.arena.path), self.arena.size)
        self.arena.unlink()

    def send(self, size: Size, frame: bytearray, *, shared: bool) -> object:
        """The frame as the engine has it in the end."""
        shape = (size.height, size.width, 3)
        image = RawImage(size.dtype, shape, ("R", "G", "B"), "linear", frame)
        envelope = Envelope(PutFrames((FrameImage(1001, image),)), new_id(), session="5e" * 16)
        lease = self.arena.lease()
        shelf: Shelf | None = lease if shared else None
        parts = self.wire.carry(encode(envelope, self.client, shelf))
        arrived = decode(parts, self.engine, self.store)
        lease.release()
        return arrived

    def close(self) -> None:
        """Ends it."""
        self.wire.close()
        self.store.close()
        self.arena.close()


def measure(size: Size, repeats: int) -> dict[str, tuple[float, float]]:
    """Milliseconds by way: the shortest wall clock, the median of processor time."""
    frames = [bytearray(os.urandom(size.bytes)) for _ in range(FRAMES)]
    target = bytearray(size.bytes)
    talk, curve = Conversation(), Wire(curve=True)
    ways: dict[str, Callable[[bytearray], object]] = {
        "plain copy": lambda frame: target.__setitem__(slice(None), frame),
        "copy into fresh memory": bytes,
        "shared memory": lambda frame: talk.send(size, frame, shared=True),
        "sealed part": lambda frame: talk.send(size, frame, shared=False),
        "socket, no seal": lambda frame: talk.wire.carry([b"", frame]),
        "CURVE": lambda frame: curve.carry([b"", frame]),
        "HMAC-SHA256 alone": lambda frame: hmac.new(KEY, frame, hashlib.sha256).digest(),
        "BLAKE2b alone": lambda frame: hashlib.blake2b(frame, key=KEY).digest(),
    }
    try:
        return _taking_turns(ways, frames, repeats)
    finally:
        talk.close()
        curve.close()


def _taking_turns(
    ways: dict[str, Callable[[bytearray], object]], frames: list[bytearray], repeats: int
) -> dict[str, tuple[float, float]]:
    wall: dict[str, list[float]] = defaultdict(list)
    cpu: dict[str, list[float]] = defaultdict(list)
    for i in range(repeats):
        for name, way in ways.items():
            began, spent = time.perf_counter(), time.process_time()
            way(frames[i % len(frames)])
            wall[name].append(1000 * (time.perf_counter() - began))
            cpu[name].append(1000 * (time.process_time() - spent))
    return {name: (min(wall[name]), statistics.median(cpu[name])) for name in ways}


def main(arguments: list[str] | None = None) -> None:
    """Prints a table of each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--sizes", type=int, help="only so many, from the smallest")
    options = parser.parse_args(arguments)
    for size in SIZES[: options.sizes]:
        found = measure(size, options.repeats)
        print(f"\n{size.name}, {size.bytes / 1e6:.1f} MB")
        for name, taken in found.items():
            ratios = [mine / plain for mine, plain in zip(taken, found["plain copy"], strict=True)]
            print(f"  {name:24} {taken[0]:8.2f} ms {ratios[0]:6.1f} x ", end="")
            print(f"  processor {taken[1]:8.2f} ms {ratios[1]:6.1f} x")


if __name__ == "__main__":
    main()
