# SPDX-License-Identifier: Apache-2.0
"""The command line: ``xmempp COMMAND``.

Exit code 0 is success, 1 a failure, 2 a wrong call; errors are one sentence on stderr.
"""

from __future__ import annotations

import argparse
import atexit
import errno
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from rich.console import Console
from rich.highlighter import NullHighlighter
from rich.logging import RichHandler

from engine_server import __version__
from engine_server.commands.loading import load
from engine_server.commands.parsers import add_parsers
from engine_server.processors import one_heap
from shared.errors import UsageError, XmemppError

__all__ = ["command", "main"]

log = logging.getLogger("engine_server")

# Threads of the network sleep while they wait for each other. Spinning, the default, is a little
# quicker on an idle machine and five times slower on a busy one. Read when torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def build_parser() -> argparse.ArgumentParser:
    """The parser with all commands."""
    parser = argparse.ArgumentParser(
        prog="xmempp",
        description="Rotoscoping by a few painted frames: paint the object on some frames of a "
        "shot, and XMem++ carries the matte through all of it.",
        epilog="`xmempp COMMAND --help` tells more. Start with `xmempp demo`.",
    )
    parser.add_argument("--version", action="version", version=f"xmempp {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    add_parsers(commands, _common_options())
    return parser


def _common_options() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    group = common.add_argument_group("messages")
    group.add_argument("-q", "--quiet", action="store_true", help="only errors")
    group.add_argument("--debug", action="store_true", help="log everything; stack trace on errors")
    return common


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: without the program's name; those of the process by default.

    Returns:
        the exit code.
    """
    try:
        with _ended_like_by_ctrl_c():
            return _run(arguments)
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        _flushed_or_dropped()
        return 1


def command() -> NoReturn:
    """Runs the command of this process, and ends it."""
    if sys.stdout is None or sys.stderr is None:  # closed by who called
        nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  (to the very end)
        sys.stdout, sys.stderr = sys.stdout or nowhere, sys.stderr or nowhere
    one_heap()
    code = main()
    others = set(threading.enumerate()) - {threading.main_thread()}
    if not all(each.daemon for each in others):
        sys.exit(code)
    atexit._run_exitfuncs()
    _flushed_or_dropped()
    os._exit(code)  # to take apart what is loaded takes a third of a second, with torch


def _run(arguments: Sequence[str] | None) -> int:
    try:
        options = build_parser().parse_args(arguments)
    except SystemExit as ended:  # after --help or --version, or by a wrong call
        code = int(ended.code or 0)
        return _told(lambda: code)
    messages = Console(stderr=True, quiet=options.quiet)
    _log_to(messages, quiet=options.quiet, debug=options.debug)
    return _told(lambda: _action(options.action)(options, messages), debug=options.debug)


def _told(action: Callable[[], int], *, debug: bool = False) -> int:
    """The exit code of an action, after what it wrote or its failure is told."""
    try:
        code = action()
        sys.stdout.flush()  # here its failure can be told
        return code
    except XmemppError as error:
        return _fail(error, debug, code=2 if isinstance(error, UsageError) else 1)
    except KeyboardInterrupt:
        _say("\nStopped. Finished frames are kept.\n")
        return 1
    except BrokenPipeError:
        raise
    except Exception as error:
        return _fail(error, debug, code=1)


@contextmanager
def _ended_like_by_ctrl_c() -> Iterator[None]:
    """A farm ends jobs by SIGTERM; it leaves as little behind as Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may say what a signal does
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def _flushed_or_dropped() -> None:
    """Flushes what can be; else the interpreter complains of it at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _action(name: str) -> Callable[[argparse.Namespace, Console], int]:
    """``module:function`` of `engine_server.commands`, loaded now and not before."""
    module, _, function = name.partition(":")
    loaded = load(f"engine_server.commands.{module}")
    action: Callable[[argparse.Namespace, Console], int] = getattr(loaded, function)
    return action


def _fail(error: Exception, debug: bool, *, code: int) -> int:
    if debug:
        log.exception("xmempp failed")
    text = _sentence(error).encode("utf-8", "backslashreplace").decode()
    _say(f"xmempp: {text}\n")
    return code


def _say(text: str) -> None:
    """On stderr, if it takes anything: the exit code tells in any case."""
    with suppress(OSError):
        sys.stderr.write(text)
        sys.stderr.flush()


def _sentence(error: Exception) -> str:
    if isinstance(error, XmemppError):
        return str(error)
    if isinstance(error, OSError) and error.filename is not None:
        return f"'{error.filename}' can't be used: {error.strerror}."
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "The disk is full."
    return f"{type(error).__name__}: {error} (this is a bug; --debug shows where)"


def _log_to(console: Console, *, quiet: bool, debug: bool) -> None:
    """What happens goes to the log: plain on a terminal, as dated lines in a farm's log file."""
    handler: logging.Handler = logging.StreamHandler()
    dated = "%(asctime)s %(levelname)s %(message)s"
    if console.is_terminal:
        handler = RichHandler(
            console=console,
            show_path=False,
            show_time=False,
            show_level=debug,
            highlighter=NullHighlighter(),
        )
    handler.setFormatter(logging.Formatter("%(message)s" if console.is_terminal else dated))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    log.setLevel(logging.DEBUG if debug else logging.ERROR if quiet else logging.INFO)


if __name__ == "__main__":
    command()
