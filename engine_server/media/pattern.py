# SPDX-License-Identifier: Apache-2.0
"""Which files make a sequence, and which number each of them has.

A sequence is given as a folder, as a single file, or as a pattern in the spelling of any
usual program: ``plate.%04d.exr``, ``plate.%d.exr``, ``plate.####.dpx``, ``plate.@@@@.exr``,
``plate.$F4.exr``. Frame numbers are those of the file names; handles before frame 0 have a
minus right after a dot, an underscore or nothing (``plate.-005.exr``), elsewhere it is a dash.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from engine_server.media.image import IMAGE_EXTENSIONS
from shared.errors import BadPlate, NotFound, UsageError

__all__ = [
    "find_sequence",
    "frame_numbers",
    "image_files",
    "is_pattern",
    "last_number",
    "natural_key",
    "numbers",
]

_TOKEN = re.compile(r"%(?:0?(?P<printf>\d+))?d|#+|@+|\$F(?P<houdini>\d*)")
_NUMBER = re.compile(r"((?:(?<![^._])-)?\d+)")
_LISTED = 4  # how many patterns an error names


def natural_key(name: str) -> tuple[tuple[str, int], ...]:
    """Sort key that puts ``f2`` before ``f10``; case does not matter."""
    parts = _NUMBER.split(name.casefold())
    values = [int(part) for part in parts[1::2]] + [-1]
    return tuple(zip(parts[0::2], values, strict=True))


def last_number(stem: str) -> int | None:
    """The last number in a file stem (1001 of ``plate_v2.1001``), or None."""
    found = numbers(stem)
    return found[-1] if found else None


def numbers(stem: str) -> tuple[int, ...]:
    """All numbers in a file stem, from left to right."""
    return tuple(map(int, _NUMBER.findall(stem)))


def frame_numbers(files: list[Path]) -> list[tuple[int, Path]]:
    """The frame of each file: the last number that changes among names of the same shape.

    Args:
        files: in any number of sequences; each has a number in its name.
    """
    return [pair for members in _sequences(files).values() for pair in members]


def is_pattern(source: Path) -> bool:
    """Whether a path is a pattern; a file that exists under that very name is not."""
    return bool(_TOKEN.search(source.name)) and not source.exists()


def image_files(folder: Path) -> list[Path]:
    """The pictures right in a folder, in natural order; hidden files are left out."""
    files = (
        path
        for path in folder.iterdir()
        if path.suffix[1:].lower() in IMAGE_EXTENSIONS and not path.name.startswith(".")
    )
    return sorted((path for path in files if path.is_file()), key=lambda p: natural_key(p.name))


def find_sequence(source: Path) -> tuple[dict[int, Path], tuple[str, ...]]:
    """Find the files of a plate given as folder, file or pattern.

    A folder must hold one sequence. Files without a number beside a numbered sequence are
    left out with a warning; where no file has a number, they are numbered from 0 in natural
    order. A single file keeps the last number of its name, or is frame 0.

    Returns:
        The file of each frame, sorted by frame, and warnings.

    Raises:
        NotFound: nothing is there.
        BadPlate: several sequences, or two files of one frame.
        UsageError: a pattern in the name of a folder.
    """
    if source.is_dir():
        return _from_folder(source)
    if source.is_file():
        return {last_number(source.stem) or 0: source}, ()
    if any(_TOKEN.search(part) for part in source.parts[:-1]):
        raise UsageError(
            f"The pattern '{source}' has a frame number in the name of a folder.",
            hint="Only the file name may hold the frame number.",
        )
    if is_pattern(source):
        return _from_pattern(source), ()
    raise NotFound(f"There is no file or folder '{source}'.")


def _from_pattern(source: Path) -> dict[int, Path]:
    """The files that match a pattern, by number."""
    if not source.parent.is_dir():
        raise NotFound(f"There is no folder '{source.parent}'.")
    regex = _pattern_regex(source.name)
    found = []
    for path in source.parent.iterdir():
        match = regex.fullmatch(path.name)
        if match and path.is_file():
            found.append((int(match.group("frame")), path))
    if not found:
        raise NotFound(f"No file matches the pattern '{source}'.")
    return _by_frame(found)


def _pattern_regex(name: str) -> re.Pattern[str]:
    """A regular expression for file names; the last token is the frame, others are literal."""
    token = list(_TOKEN.finditer(name))[-1]
    if token.group().startswith(("#", "@")):
        width = len(token.group())
    else:
        width = int(token.group("printf") or token.group("houdini") or 1)
    before, after = name[: token.start()], name[token.end() :]
    number = _padded(width, signed=not before or before[-1] in "._")
    return re.compile(f"{re.escape(before)}(?P<frame>{number}){re.escape(after)}")


def _padded(width: int, *, signed: bool) -> str:
    """Numbers as printf writes them: padded to the width, or longer without a leading zero.

    Printf counts a minus as part of the width, other programs don't.
    """
    number = rf"(?:\d{{{width}}}|[1-9]\d{{{width},}})" if width > 1 else r"\d+"
    if not signed:
        return number
    return rf"-?{number}|-\d{{{width - 1}}}" if width > 1 else f"-?{number}"


def _by_frame(found: Iterable[tuple[int, Path]]) -> dict[int, Path]:
    """Sort by frame; two files of one frame are refused."""
    files: dict[int, Path] = {}
    for frame, path in sorted(found, key=lambda pair: (pair[0], pair[1].name)):
        if frame in files:
            raise BadPlate(
                f"'{files[frame].name}' and '{path.name}' in '{path.parent}' are both "
                f"frame {frame}.",
                hint="Remove one of them or give a pattern such as plate.%04d.exr.",
            )
        files[frame] = path
    return files


def _from_folder(folder: Path) -> tuple[dict[int, Path], tuple[str, ...]]:
    """The one sequence of a folder."""
    files = image_files(folder)
    if not files:
        raise NotFound(
            f"There are no pictures in '{folder}'.",
            hint=f"Known endings are {', '.join(sorted(IMAGE_EXTENSIONS))}.",
        )
    plain = [path for path in files if last_number(path.stem) is None]
    if len(plain) == len(files):
        return dict(enumerate(files)), ()
    sequences = _sequences([path for path in files if path not in set(plain)])
    if len(sequences) > 1:
        raise _several(folder, list(sequences))
    warnings = tuple(f"'{path}' has no frame number and is left out." for path in plain)
    return _by_frame(next(iter(sequences.values()))), warnings


def _several(folder: Path, patterns: list[str]) -> BadPlate:
    """The error for a folder with more than one sequence."""
    named = " and ".join(f"'{pattern}'" for pattern in patterns[:_LISTED])
    more = f" and {len(patterns) - _LISTED} more" if len(patterns) > _LISTED else ""
    return BadPlate(
        f"The folder '{folder}' holds {len(patterns)} sequences: {named}{more}.",
        hint=f"Choose one by its pattern, for example '{folder / patterns[0]}'.",
    )


def _sequences(files: list[Path]) -> dict[str, list[tuple[int, Path]]]:
    """Group numbered files by the pattern they make.

    Among files whose names differ in digits only, the frame is the last number that changes:
    the 7 of ``shot12_0007_v3``, where 12 and 3 stay. A lone file's is its last number.
    """
    shapes: dict[tuple[str, ...], list[tuple[list[str], Path]]] = defaultdict(list)
    for path in files:
        parts = _NUMBER.split(path.stem)
        shapes[(*parts[0::2], path.suffix.lower())].append((parts, path))
    groups: dict[str, list[tuple[int, Path]]] = defaultdict(list)
    for members in shapes.values():
        position = _frame_position([parts for parts, _ in members])
        width = min(len(parts[position]) for parts, _ in members)
        for parts, path in members:
            head, tail = "".join(parts[:position]), "".join(parts[position + 1 :])
            pattern = f"{head}%0{width}d{tail}{path.suffix.lower()}"
            groups[pattern].append((int(parts[position]), path))
    return groups


def _frame_position(names: list[list[str]]) -> int:
    """Index of the part that holds the frame number: the last that is not always the same."""
    positions = range(len(names[0]) - 2, 0, -2)
    changing = (i for i in positions if len({parts[i] for parts in names}) > 1)
    return next(changing, positions[0])
