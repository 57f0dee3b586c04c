# SPDX-License-Identifier: Apache-2.0
"""Reading a folder of painted masks: any usual kind, any size, matched to the plate by name.

Layouts:

* pictures right in the folder: one for each frame, all objects in it. An object that a
  picture lacks is *not seen* there (zero matte).
* a folder for each object with pictures in it. A frame without a file is *not told* for
  that object (no matte).

A picture belongs to the frame whose plate file has the same stem, or the stem that its name
begins with (``plate.1001_v2`` is of ``plate.1001``); else to the frame that is the last number
in its name, of those that the plate has.
"""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engine_server.media.mask_rules import MaskRules, Mattes
from engine_server.media.palette import Palette
from engine_server.media.pattern import image_files, last_number, natural_key, numbers
from engine_server.media.plate import Plate
from shared.errors import BadMask, NoReferences, NotFound

__all__ = ["MaskSet", "read_masks"]

_LOG = logging.getLogger(__name__)
_NUMBERED = re.compile(r"(?:object[_-]?)?0*([1-9]\d{0,2})", re.IGNORECASE)
_MAX_LABEL = 255


@dataclass(frozen=True)
class MaskSet:
    """All painted masks of a shot.

    Args:
        frames: frame -> label -> matte (H x W float32 in 0..1, the size of the plate). A
            label left out is not told for that frame; an all-zero matte is not seen there.
            Files are decoded when a frame is asked for and nothing is kept: a folder with
            the mattes of a whole shot costs no more memory than one frame.
        names: label -> name of the object.
        palette: the colours of the input, for results that look like it.
        warnings: a sentence for each thing that was passed over or changed.
        files: the mask files that are read.
    """

    frames: Mapping[int, Mattes]
    names: Mapping[int, str]
    palette: Palette
    warnings: tuple[str, ...]
    files: tuple[Path, ...] = ()


def read_masks(folder: Path, plate: Plate) -> MaskSet:
    """Read a folder of masks (or a single mask file).

    Raises:
        NotFound: no such folder.
        NoReferences: no mask in it, none for a frame of the plate, or no object in any.
        BadMask: a file can't be read, two files are of one frame, or they are no masks.
    """
    folder = Path(folder).expanduser()
    if not folder.exists():
        raise NotFound(f"There is no folder of masks '{folder}'.")
    files = image_files(folder) if folder.is_dir() else [folder]
    objects = [] if files else _object_folders(folder)
    if not files and not objects:
        raise NoReferences(f"There are no masks in '{folder}'.")
    warnings: list[str] = []
    if files and folder.is_dir() and _object_folders(folder):
        warnings.append(f"The folders in '{folder}' are ignored, because masks lie beside them.")
    if objects:
        layers = _read_objects(objects, plate, warnings)
    else:
        layers = [_read_flat(files, plate, warnings)]
    found = _collect(folder, layers, plate, warnings)
    for warning in warnings:
        _LOG.warning("%s", warning)
    return found


@dataclass(frozen=True)
class _Layer:
    """Masks that are decoded by the same rules; ``label`` joins all their objects into one."""

    files: dict[int, Path]
    rules: MaskRules
    label: int | None = None
    name: str = ""

    @property
    def labels(self) -> tuple[int, ...]:
        """Labels that this layer tells of."""
        return self.rules.labels if self.label is None else (self.label,)

    def read(self, frame: int, size: tuple[int, int]) -> Mattes:
        """The mattes of a frame in the size of the plate."""
        mattes, hard = self.rules.read(self.files[frame])
        if self.label is not None:
            native = self.rules.sizes[self.files[frame]]
            joined = np.max([np.zeros(native, np.float32), *mattes.values()], axis=0)
            mattes = {self.label: joined}
        return {label: _resize(matte, size, hard) for label, matte in mattes.items()}


class _Frames(Mapping[int, Mattes]):
    """Mattes by frame, decoded when asked for."""

    def __init__(self, layers: list[_Layer], size: tuple[int, int]) -> None:
        self._layers = layers
        self._size = size
        self._numbers = tuple(sorted({frame for layer in layers for frame in layer.files}))

    def __getitem__(self, frame: int) -> Mattes:
        holders = [layer for layer in self._layers if frame in layer.files]
        if not holders:
            raise KeyError(frame)
        mattes: Mattes = {}
        for layer in holders:
            mattes.update(layer.read(frame, self._size))
        return mattes

    def __contains__(self, frame: object) -> bool:
        return frame in self._numbers

    def __iter__(self) -> Iterator[int]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)


def _object_folders(folder: Path) -> list[Path]:
    """Sub-folders with pictures in them, in natural order."""
    inner = [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
    return sorted((p for p in inner if image_files(p)), key=lambda p: natural_key(p.name))


def _read_flat(files: list[Path], plate: Plate, warnings: list[str]) -> _Layer:
    """The layer of pictures that hold all objects."""
    numbered = _by_frame(files, plate, warnings)
    return _Layer(numbered, MaskRules(list(numbered.values())))


def _read_objects(folders: list[Path], plate: Plate, warnings: list[str]) -> list[_Layer]:
    """A layer for each folder of an object."""
    layers = []
    for folder, label in zip(folders, _folder_labels(folders), strict=True):
        numbered = _by_frame(image_files(folder), plate, warnings)
        if numbered:
            rules = MaskRules(list(numbered.values()))
            layers.append(_Layer(numbered, rules, label, folder.name))
    return layers


def _folder_labels(folders: list[Path]) -> list[int]:
    """The numbers in ``3`` or ``object_03`` if all folders are named so, else 1, 2, ..."""
    if len(folders) > _MAX_LABEL:
        raise BadMask(f"'{folders[0].parent}' holds more than {_MAX_LABEL} objects.")
    matches = [_NUMBERED.fullmatch(folder.name) for folder in folders]
    numbers = [int(match[1]) for match in matches if match]
    if len(set(numbers)) == len(folders) and max(numbers) <= _MAX_LABEL:
        return numbers
    return list(range(1, len(folders) + 1))


def _by_frame(files: list[Path], plate: Plate, warnings: list[str]) -> dict[int, Path]:
    """The mask file of each frame; files of no frame of the plate are passed over."""
    stems = {plate.stem(frame): frame for frame in plate.frames}
    present = frozenset(plate.frames)
    found: dict[int, list[Path]] = defaultdict(list)
    for path in files:
        frame = _frame_of(path.stem, stems, present)
        if frame is not None and frame in present:
            found[frame].append(path)
        else:
            what = "has no frame number" if frame is None else f"is of frame {frame}"
            warnings.append(
                f"The mask '{path}' {what}, which the plate does not have; it is ignored."
            )
    for frame, paths in found.items():
        if len(paths) > 1:
            raise BadMask(
                f"'{paths[0].name}' and '{paths[1].name}' in '{paths[0].parent}' are both masks "
                f"of frame {frame}.",
                hint="Keep one of them, or put the masks of each object in a folder of its own.",
            )
    return {frame: found[frame][0] for frame in sorted(found)}


def _frame_of(stem: str, stems: Mapping[str, int], present: frozenset[int]) -> int | None:
    """The frame that a mask is of; its last number where the plate has none of its numbers."""
    for end in range(len(stem), 0, -1):
        if stem[:end] in stems and not stem[end : end + 1].isdecimal():
            return stems[stem[:end]]
    found = numbers(stem)
    return next((number for number in reversed(found) if number in present), last_number(stem))


def _collect(folder: Path, layers: list[_Layer], plate: Plate, warnings: list[str]) -> MaskSet:
    """Put the layers together and check that there is something to start from."""
    frames = _Frames(layers, plate.size)
    if not frames:
        raise NoReferences(
            f"None of the masks in '{folder}' is of a frame of the plate, which has frames "
            f"{plate.frames[0]} to {plate.frames[-1]}.",
            hint="Name every mask like its plate frame.",
        )
    painted = [layer for layer in layers if layer.rules.labels]
    if not painted:
        raise NoReferences(f"All masks in '{folder}' are empty.")
    for layer in layers:
        if layer not in painted:
            warnings.append(f"The object '{layer.name}' is empty in all of its masks.")
        if layer.label is None:
            warnings.extend(layer.rules.warnings)
        _warn_of_sizes(layer, plate.size, warnings)
    files = tuple(path for layer in layers for path in layer.files.values())
    return MaskSet(frames, _names(layers), _palette(layers), tuple(warnings), files)


def _warn_of_sizes(layer: _Layer, size: tuple[int, int], warnings: list[str]) -> None:
    """Say which masks are resized."""
    for path, (height, width) in layer.rules.sizes.items():
        if (height, width) != size:
            warnings.append(
                f"The mask '{path}' is {width} x {height} pixels and is resized to the plate's "
                f"{size[1]} x {size[0]}."
            )


def _names(layers: list[_Layer]) -> dict[int, str]:
    """The name of every object."""
    names: dict[int, str] = {}
    for layer in layers:
        names.update(layer.rules.names if layer.label is None else {layer.label: layer.name})
    return names


def _palette(layers: list[_Layer]) -> Palette:
    """The colours of flat masks; objects in folders of their own get the usual ones."""
    return layers[0].rules.palette if layers[0].label is None else Palette()


def _resize(matte: NDArray[np.float32], size: tuple[int, int], hard: bool) -> NDArray[np.float32]:
    """A matte in the size of the plate: labels stay hard, soft edges soft."""
    if matte.shape == size:
        return matte
    smaller = size[0] * size[1] < matte.size
    soft = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    how = cv2.INTER_NEAREST_EXACT if hard else soft
    return np.asarray(cv2.resize(matte, size[::-1], interpolation=how), np.float32)
