# SPDX-License-Identifier: Apache-2.0
"""Weights: names and files, what is inside, and fetching them from a server that misbehaves."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

from engine_server.network import download, weights
from shared.errors import (
    BadWeights,
    OutputUnwritable,
    UsageError,
    WeightsUnavailable,
)

State = dict[str, torch.Tensor]


@dataclass
class Behaviour:
    """What the server sends, and how badly."""

    content: bytes = b""
    cut_after: list[int] = field(default_factory=list)  # bytes of the body, one per request
    ranges: bool = True
    etag: str = '"one"'
    status: int = 200
    wrong_start: bool = False
    requests: list[str] = field(default_factory=list)  # the ranges asked for


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves one file, ranges included; closes the connection early where it is told to."""

    behaviour: Behaviour

    def do_GET(self) -> None:
        serve, asked = self.behaviour, self.headers.get("Range", "")
        serve.requests.append(asked)
        if serve.status != 200:
            self.send_error(serve.status)
            return
        same = self.headers.get("If-Range", serve.etag) == serve.etag
        begin = re.fullmatch(r"bytes=(\d+)-", asked) if serve.ranges and same else None
        start = int(begin[1]) if begin else 0
        size = len(serve.content)
        if begin and start >= size:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{size}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = serve.content[start:]
        self.send_response(206 if begin else 200)
        if begin:
            told = start + 1 if serve.wrong_start else start
            self.send_header("Content-Range", f"bytes {told}-{size - 1}/{size}")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", serve.etag)
        self.end_headers()
        self.wfile.write(body[: serve.cut_after.pop(0)] if serve.cut_after else body)

    def log_message(self, *args: Any) -> None:
        """Stay silent."""


@pytest.fixture
def server() -> Iterator[tuple[str, Behaviour]]:
    behaviour = Behaviour()
    handler = type("Bound", (Handler,), {"behaviour": behaviour})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}/XMem.pth", behaviour
        running.shutdown()
        thread.join()


@pytest.fixture
def fetchable(monkeypatch: pytest.MonkeyPatch, server: tuple[str, Behaviour]) -> None:
    """Weights by name that are as small as ``lite`` and come from the server."""
    url, _ = server

    def only_lite(*, cache: Path | None = None) -> tuple[weights.KnownWeights, ...]:
        folder = cache or weights.cache_folder()
        return (weights.KnownWeights("lite", "small", "none", folder / "XMem.pth", url),)

    monkeypatch.setattr(weights, "list_weights", only_lite)


# Fetching bytes


def test_a_download_tells_its_progress(tmp_path: Path, server: tuple[str, Behaviour]) -> None:
    url, serve = server
    serve.content = os.urandom(1_000_000)
    told: list[tuple[int, int | None]] = []
    download.download(url, tmp_path / "a.part", progress=lambda *counts: told.append(counts))
    assert (tmp_path / "a.part").read_bytes() == serve.content
    assert told[-1] == (1_000_000, 1_000_000)
    assert told == sorted(told)
    assert [path.name for path in tmp_path.iterdir()] == ["a.part"]


def test_a_cut_download_goes_on_where_it_was(tmp_path: Path, server: tuple[str, Behaviour]) -> None:
    url, serve = server
    serve.content, serve.cut_after = os.urandom(900_000), [300_000, 250_001]
    download.download(url, tmp_path / "a.part")
    assert (tmp_path / "a.part").read_bytes() == serve.content
    assert serve.requests == ["", "bytes=300000-", "bytes=550001-"]


def test_a_later_run_goes_on_too(tmp_path: Path, server: tuple[str, Behaviour]) -> None:
    url, serve = server
    serve.content = os.urandom(900_000)
    (tmp_path / "a.part").write_bytes(serve.content[:400_000])
    download.download(url, tmp_path / "a.part")
    assert (tmp_path / "a.part").read_bytes() == serve.content
    assert serve.requests == ["bytes=400000-"]


def test_what_is_complete_is_not_sent_again(tmp_path: Path, server: tuple[str, Behaviour]) -> None:
    url, serve = server
    serve.content = b"all of it"
    (tmp_path / "a.part").write_bytes(serve.content)
    download.download(url, tmp_path / "a.part")
    assert (tmp_path / "a.part").read_bytes() == serve.content
    assert serve.requests == ["bytes=9-"]


def test_too_long_a_part_begins_again(tmp_path: Path, server: tuple[str, Behaviour]) -> None:
    url, serve = server
    serve.content = b"all of it"
    (tmp_path / "a.part").write_bytes(b"more than all of it")
    download.download(url, tmp_path / "a.part")
    assert (tmp_path / "a.part").read_bytes() == serve.content


def test_two_versions_are_not_mixed(tmp_path: Path, server: tuple[str, Behaviour]) -> None:
    url, serve = server
    serve.content, serve.cut_after = b"a" * 500_000, [200_000, 0, 0, 0]
    with pytest.raises(download.DownloadError, match="cut after 200000 bytes"):
        download.download(url, tmp_path / "a.part")
    serve.content, serve.etag = b"b" * 500_000, '"two"'
    download.download(url, tmp_path / "a.part")
    assert (tmp_path / "a.part").read_bytes() == serve.content


def test_a_server_without_ranges_sends_all_again(
    tmp_path: Path, server: tuple[str, Behaviour]
) -> None:
    url, serve = server
    serve.content, serve.cut_after, serve.ranges = os.urandom(500_000), [200_000], False
    download.download(url, tmp_path / "a.part")
    assert (tmp_path / "a.part").read_bytes() == serve.content


def test_a_server_that_never_sends_all_is_given_up(
    tmp_path: Path, server: tuple[str, Behaviour]
) -> None:
    url, serve = server
    serve.content, serve.cut_after = os.urandom(1000), [10, 0, 0, 0]
    with pytest.raises(download.DownloadError, match="cut after 10 bytes"):
        download.download(url, tmp_path / "a.part")
    assert len(serve.requests) == 4


def test_another_part_than_asked_for_is_refused(
    tmp_path: Path, server: tuple[str, Behaviour]
) -> None:
    url, serve = server
    serve.content, serve.wrong_start = b"0123456789", True
    (tmp_path / "a.part").write_bytes(b"0123")
    with pytest.raises(download.DownloadError, match="another part"):
        download.download(url, tmp_path / "a.part")
    assert (tmp_path / "a.part").read_bytes() == b"0123"


def test_a_refusal_is_final_and_a_failure_is_not(
    tmp_path: Path, server: tuple[str, Behaviour]
) -> None:
    url, serve = server
    for status, asked in ((404, 1), (503, 3)):
        serve.status, serve.requests = status, []
        with pytest.raises(download.DownloadError, match=f"answered {status}"):
            download.download(url, tmp_path / "a.part")
        assert len(serve.requests) == asked
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_told_before_anything_is_sent(
    tmp_path: Path, server: tuple[str, Behaviour], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, serve = server
    serve.content = b"x" * 3_000_000
    usage = type("Usage", (), {"free": 1 << 20})
    monkeypatch.setattr(download.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(OutputUnwritable, match="has 1 MiB free, 3 MiB are needed"):
        download.download(url, tmp_path / "a.part")


def test_only_http_is_fetched(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="http or https"):
        download.download((tmp_path / "x").as_uri(), tmp_path / "a.part")


def test_an_unwritable_place_is_told(tmp_path: Path) -> None:
    with pytest.raises(OutputUnwritable, match=r"a\.part can't be written"):
        download.download("http://127.0.0.1:9/", tmp_path / "nowhere" / "a.part")


# Fetching weights


@pytest.mark.usefixtures("fetchable")
def test_fetched_weights_are_checked_pinned_and_kept(
    tmp_path: Path, server: tuple[str, Behaviour], lite_bytes: bytes
) -> None:
    _, serve = server
    serve.content, serve.cut_after = lite_bytes, [1_000_000]
    path = weights.fetch("lite", cache=tmp_path)
    assert path.read_bytes() == lite_bytes
    assert len(serve.requests) == 2
    assert json.loads((tmp_path / "weights.lock").read_text()) == {
        "lite": {
            "file": "XMem.pth",
            "size": len(lite_bytes),
            "sha256": hashlib.sha256(lite_bytes).hexdigest(),
        }
    }
    assert weights.fetch("lite", cache=tmp_path) == weights.resolve("lite", cache=tmp_path) == path
    assert len(serve.requests) == 2
    assert sorted(item.name for item in tmp_path.iterdir()) == ["XMem.pth", "weights.lock"]


@pytest.mark.usefixtures("fetchable")
def test_a_file_that_is_not_the_pinned_one_is_refused(
    tmp_path: Path, server: tuple[str, Behaviour], lite_bytes: bytes
) -> None:
    _, serve = server
    serve.content = lite_bytes
    path = weights.fetch("lite", cache=tmp_path)
    changed = bytearray(lite_bytes)
    changed[len(changed) // 2] ^= 1
    path.write_bytes(changed)
    with pytest.raises(BadWeights, match=r"has the sha256 .* pins"):
        weights.resolve("lite", cache=tmp_path)
    path.unlink()
    serve.content = bytes(changed)
    with pytest.raises(BadWeights, match=r"has the sha256 .* pins"):
        weights.fetch("lite", cache=tmp_path)
    serve.content = lite_bytes + b"0"
    with pytest.raises(BadWeights, match=f"has the size {len(lite_bytes) + 1}, .* pins"):
        weights.fetch("lite", cache=tmp_path)
    assert [item.name for item in tmp_path.iterdir()] == ["weights.lock"]


@pytest.mark.usefixtures("fetchable")
def test_a_web_page_is_not_taken_for_weights(tmp_path: Path, server: tuple[str, Behaviour]) -> None:
    _, serve = server
    serve.content = b"<html>Please log in to the guest network</html>"
    with pytest.raises(BadWeights, match="can't be read as weights"):
        weights.fetch("lite", cache=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("fetchable")
def test_a_file_placed_by_hand_is_pinned_at_its_first_use(
    tmp_path: Path, lite_bytes: bytes
) -> None:
    (tmp_path / "XMem.pth").write_bytes(lite_bytes)
    assert weights.resolve("lite", cache=tmp_path).name == "XMem.pth"
    assert "lite" in json.loads((tmp_path / "weights.lock").read_text())
    (tmp_path / "weights.lock").write_text("{")
    with pytest.raises(BadWeights, match=r"weights\.lock can't be read"):
        weights.resolve("lite", cache=tmp_path)


def test_weights_of_another_network_are_not_pinned(tmp_path: Path, lite_bytes: bytes) -> None:
    (tmp_path / "XMem.pth").write_bytes(lite_bytes)
    with pytest.raises(BadWeights, match=r"XMem\.pth holds a network 'lite', not 'xmem'"):
        weights.resolve("xmem", cache=tmp_path)
    assert not (tmp_path / "weights.lock").exists()


def test_offline_one_sentence_says_how_to_place_the_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsUnavailable) as caught:
        weights.fetch("xmem", url="http://127.0.0.1:9/XMem.pth", cache=tmp_path / "cache")
    said = str(caught.value)
    assert "Connection refused" in said
    assert "http://127.0.0.1:9/XMem.pth" in said
    assert said.endswith(f"save it as {tmp_path / 'cache' / 'XMem.pth'}.")
    assert len(re.findall(r"[.!?](\s|$)", said)) == 1


# Names and folders


def test_known_weights_and_their_default(tmp_path: Path) -> None:
    lite, permissive, xmem = weights.list_weights(cache=tmp_path)
    assert (lite.name, permissive.name, xmem.name) == ("lite", "lite-permissive", "xmem")
    assert lite.present
    assert permissive.present
    assert xmem.url.endswith("/hkchengrex/XMem/releases/download/v1.0/XMem.pth")
    assert lite.path.name == "lite.safetensors"
    assert not xmem.present
    assert weights.default_weights(cache=tmp_path) == "lite"
    (tmp_path / "XMem.pth").touch()
    assert weights.default_weights(cache=tmp_path) == "xmem"


@pytest.mark.parametrize("name", ["lite", "lite-permissive"])
def test_weights_in_the_package_name_their_terms(name: str) -> None:
    path = weights.resolve(name)
    assert weights.verify(path).architecture == "lite"
    assert path.stat().st_size < 16e6
    with safe_open(path, "pt") as stored:
        assert stored.metadata()["licence"]


def test_absent_and_unknown_weights(tmp_path: Path) -> None:
    with pytest.raises(WeightsUnavailable, match=r"XMem\.pth is missing.*weights fetch xmem"):
        weights.resolve("xmem", cache=tmp_path)
    with pytest.raises(UsageError, match=r"no file 'xmen'.*lite, lite-permissive, xmem"):
        weights.resolve("xmen", cache=tmp_path)
    with pytest.raises(UsageError, match="no weights 'xmen'"):
        weights.fetch("xmen", cache=tmp_path)
    (own := tmp_path / "my own ü.pth").touch()
    assert weights.resolve(str(own), cache=tmp_path) == own


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", {"XMEMPP_CACHE": "/x/y", "XDG_CACHE_HOME": "/z"}, "/x/y"),
        ("linux", {"XDG_CACHE_HOME": "/z"}, "/z/xmempp"),
        ("linux", {"XDG_CACHE_HOME": "not/absolute"}, "/home/me/.cache/xmempp"),
        ("linux", {}, "/home/me/.cache/xmempp"),
        ("darwin", {"XDG_CACHE_HOME": "/z"}, "/home/me/Library/Caches/xmempp"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/xmempp/Cache"),
        ("win32", {}, "/home/me/AppData/Local/xmempp/Cache"),
    ],
)
def test_cache_folder(
    platform: str, environment: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("XMEMPP_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(weights.sys, "platform", platform)
    monkeypatch.setattr(Path, "home", lambda: Path("/home/me"))
    assert weights.cache_folder() == Path(expected)


# What is inside
