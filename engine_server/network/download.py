# SPDX-License-Identifier: Apache-2.0
"""Fetching one big file over HTTP, so that a broken line costs nothing but time."""

from __future__ import annotations

import http.client
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from shared.errors import OutputUnwritable, UsageError

__all__ = ["DownloadError", "Progress", "download"]

Progress = Callable[[int, "int | None"], None]
"""Called with the bytes that are here and, where the server tells it, the bytes in all."""

_ATTEMPTS_WITHOUT_PROGRESS = 3
_TIMEOUT = 30.0
_PIECE = 1 << 18


class DownloadError(Exception):
    """The file can't be had; the message is the reason, what is there of it stays."""


class _Response(Protocol):
    """What is used of `http.client.HTTPResponse`."""

    status: int
    headers: http.client.HTTPMessage

    def read(self, amount: int) -> bytes: ...


def download(url: str, part: Path, *, progress: Progress | None = None) -> None:
    """Fetch a file into ``part``, going on where an earlier attempt ended.

    A cut connection is taken up again as long as each attempt brings something. The version of
    the file (ETag) is kept beside it, so that two versions are never mixed.

    Args:
        url: http or https.
        part: where to; holds the beginning of the file after a failure, all of it at the end.
        progress: called for every piece.

    Raises:
        DownloadError: offline, refused, or cut again and again.
        OutputUnwritable: the disk is full or the folder can't be written.
        UsageError: the address is not http or https.
    """
    if not url.startswith(("http://", "https://")):
        raise UsageError(f"Weights are fetched over http or https, not from {url}.")
    _check_writable(part)
    failures = 0
    while failures < _ATTEMPTS_WITHOUT_PROGRESS:
        before = _size(part)
        try:
            if _attempt(url, part, progress):
                _tag_file(part).unlink(missing_ok=True)
                return
            reason = f"the connection was cut after {_size(part)} bytes"
        except (http.client.HTTPException, OSError) as error:
            reason = _reason(error)
            if isinstance(error, urllib.error.HTTPError) and error.code < 500:
                break  # refused: asking again changes nothing
        failures = 0 if _size(part) > before else failures + 1
    if not _size(part):
        part.unlink(missing_ok=True)
    raise DownloadError(reason)


def _attempt(url: str, part: Path, progress: Progress | None) -> bool:
    """Ask once for what is missing; True if the file is complete then."""
    start = _size(part)
    try:
        request = _request(url, part, start)
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:  # noqa: S310
            start = start if response.status == http.HTTPStatus.PARTIAL_CONTENT else 0
            total = _total(response, start)
            _tag_file(part).write_text(response.headers.get("ETag", ""), encoding="utf-8")
            _check_space(part, start, total)
            here = _receive(response, part, start, total, progress)
            return here == total if total is not None else True
    except urllib.error.HTTPError as error:
        if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        return _whole_already(error, part, start)


def _request(url: str, part: Path, start: int) -> urllib.request.Request:
    headers = {"User-Agent": "xmempp", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
        tag = _tag_file(part)
        if tag.is_file() and (version := tag.read_text(encoding="utf-8")):
            headers["If-Range"] = version
    return urllib.request.Request(url, headers=headers)  # noqa: S310


def _total(response: _Response, start: int) -> int | None:
    """Size of the whole file, checked against where the server says that this piece starts."""
    if response.status == http.HTTPStatus.PARTIAL_CONTENT:
        told = re.fullmatch(
            r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", "").strip()
        )
        if told is None or int(told[1]) != start:
            raise http.client.HTTPException("the server sent another part than it was asked for")
        if told[2] != "*":
            return int(told[2])
    length = response.headers.get("Content-Length")
    return None if length is None else start + int(length)


def _receive(
    response: _Response, part: Path, start: int, total: int | None, progress: Progress | None
) -> int:
    here = start
    with part.open("ab" if start else "wb") as file:
        while piece := response.read(_PIECE):
            _write(file.write, piece, part)
            here += len(piece)
            if progress is not None:
                progress(here, total)
    return here


def _write(write: Callable[[bytes], object], piece: bytes, part: Path) -> None:
    """Tell a full disk from a broken line: both are OSErrors."""
    try:
        write(piece)
    except OSError as error:
        raise OutputUnwritable(f"{part} can't be written: {_reason(error)}.") from error


def _whole_already(error: urllib.error.HTTPError, part: Path, start: int) -> bool:
    """Nothing is left to send: complete if the sizes agree, else begin again."""
    if error.headers.get("Content-Range", "").strip() == f"bytes */{start}":
        return True
    part.unlink()
    raise http.client.HTTPException("the file at the server is another one now") from error


def _check_writable(part: Path) -> None:
    try:
        part.open("ab").close()
    except OSError as error:
        raise OutputUnwritable(f"{part} can't be written: {_reason(error)}.") from error


def _check_space(part: Path, start: int, total: int | None) -> None:
    if total is None:
        return
    free = shutil.disk_usage(part.parent).free
    if total - start > free:
        raise OutputUnwritable(
            f"{part.parent} has {free >> 20} MiB free, {(total - start >> 20) + 1} MiB are needed."
        )


def _tag_file(part: Path) -> Path:
    return part.with_name(part.name + ".etag")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answered {error.code} {error.reason}"
    if isinstance(error, urllib.error.URLError):
        return str(getattr(error.reason, "strerror", None) or error.reason)
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
