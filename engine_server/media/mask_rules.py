# SPDX-License-Identifier: Apache-2.0
"""What the masks of a set mean: which labels they hold, and the matte of each.

All files of a set are looked at before one is decoded, because one picture often can't tell:
a mask with nothing but black and white may be one soft object, or label 255 of thirty.

=================  =================================================================
stored as          read as
=================  =================================================================
palette            labels are the indexes; unless index 0 is not black, or there are
                   more shades of soft edges than labels: then as colours
grey, labels       labels are the values (see ``mask_evidence.grey_is_index``)
grey, soft         object 1, value / white is its opacity
colours            an object for each plateau colour; other pixels are mixtures
alpha              object 1; but by colour where there are several plateau colours
layered OpenEXR    an object for each ``NAME.alpha``, numbered by natural order
=================  =================================================================

Pictures of 16 bits or floats are labels where no value is above 255 and floats are whole and
exceed 1; else they are compared as 8 bits and read at full precision.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine_server.media.image import ImageUnreadableError
from engine_server.media.mask_colours import ColourRule, pack
from engine_server.media.mask_evidence import Evidence, grey_is_index, measure
from engine_server.media.mask_image import LOSSY_ENDINGS, MaskImage, read_mask_image
from engine_server.media.palette import Palette
from engine_server.media.pattern import natural_key
from shared.errors import BadMask

__all__ = ["MaskRules", "Mattes"]

_FEW_INDEXES = 3  # so few can't be the shades of an edge
_FULL = 255
_ENOUGH_EXPLAINED = 0.7
_GREY_AS_COLOUR = 0x010101
_WHITE = (255, 255, 255)

Mattes = dict[int, NDArray[np.float32]]
Seen = dict[int, Evidence]


def _load(path: Path) -> MaskImage:
    """Read a mask file; BadMask when that fails."""
    try:
        return read_mask_image(path)
    except (ImageUnreadableError, OSError) as error:
        raise BadMask(
            f"The mask '{path}' can't be read: {error}.",
            hint="Save it again, as PNG for example.",
        ) from error


@dataclass
class _Survey:
    """What was seen in all files of a set."""

    sizes: dict[Path, tuple[int, int]] = field(default_factory=dict)
    indexes: Seen = field(default_factory=dict)
    palette: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    black_first: bool = True
    narrow: Seen = field(default_factory=dict)
    wide: Seen = field(default_factory=dict)
    colours: Seen = field(default_factory=dict)
    shown: dict[int, Path] = field(default_factory=dict)
    alpha_low: float = 1.0
    alpha_high: float = 0.0
    layers: set[str] = field(default_factory=set)
    coloured: Path | None = None

    def add(self, path: Path, mask: MaskImage) -> None:
        """Take note of one file."""
        self.sizes[path] = mask.size
        self.layers.update(mask.layers)
        if mask.indexes is not None and mask.palette is not None:
            self._add_palette(mask.indexes, mask.palette)
        if mask.alpha is not None:
            self.alpha_low = min(self.alpha_low, float(mask.alpha.min()))
            self.alpha_high = max(self.alpha_high, float(mask.alpha.max()))
        mask = _over_black(mask)
        if mask.rgb is not None:
            self.coloured = self.coloured or path
            found = measure(pack(mask.rgb), mask.rgb)
            self._show(found, path)
            _merge(self.colours, found)
        elif mask.grey is not None:
            is_wide = _is_wide(mask.grey)
            levels = _levels(mask.grey, wide=is_wide)
            values = _measure_few(levels)
            self._show((value * _GREY_AS_COLOUR for value in values), path)
            _merge(self.wide if is_wide else self.narrow, values)

    def _show(self, codes: Iterable[int], path: Path) -> None:
        """Note the first file that each packed colour is in."""
        for code in codes:
            self.shown.setdefault(code, path)

    def _add_palette(self, indexes: NDArray[np.uint8], palette: NDArray[np.uint8]) -> None:
        """Take note of a palette picture."""
        self.black_first &= not palette[0].any()
        seen = _measure_few(indexes)
        _merge(self.indexes, seen)
        for label in seen:
            red, green, blue = palette[label].tolist()
            self.palette.setdefault(label, (red, green, blue))

    def indexes_are_labels(self) -> bool:
        """Whether palette indexes are labels, not shades."""
        plateaus = [seen for seen in self.indexes.values() if seen.is_plateau(1.0)]
        shades = len(self.indexes) - len(plateaus)
        return self.black_first and shades <= max(_FEW_INDEXES, len(plateaus))


def _survey(paths: Iterable[Path]) -> _Survey:
    """Look at all files of a set, one at a time.

    Raises:
        BadMask: a file can't be read.
    """
    seen, palettes = _Survey(), []
    for path in paths:
        mask = _load(path)
        seen.add(path, mask)
        if mask.indexes is not None:
            palettes.append(path)
    if not seen.indexes_are_labels():
        seen.palette.clear()
        for path in palettes:
            seen.add(path, _load(path).flattened())
    return seen


class MaskRules:
    """How to decode the files of one set.

    Args:
        paths: all files of the set.

    Raises:
        BadMask: a file can't be read, or the set is not masks but pictures.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        seen = _survey(paths)
        self.sizes: Mapping[Path, tuple[int, int]] = seen.sizes
        self._flatten = not seen.indexes_are_labels()
        self._wide = bool(seen.wide)
        grey = seen.wide or seen.narrow
        self._layers = sorted(seen.layers, key=natural_key)
        self._alpha = seen.alpha_low < 1.0 and seen.alpha_high > 0.0
        self._colours = self._decide_colours(seen, grey)
        self._grey_index = bool(grey) and self._colours is None and grey_is_index(grey, _FULL)
        indexes = [] if self._flatten else list(seen.indexes)
        self.labels = tuple(sorted({*indexes, *self._other_labels(grey)}))
        self.palette = Palette(self._palette(seen))
        self.names: Mapping[int, str] = self._names()
        self.warnings = tuple(self._doubts(seen))

    def _decide_colours(self, seen: _Survey, grey: Seen) -> ColourRule | None:
        """The rule for colours, if the set is painted in them."""
        if seen.coloured is None:
            return None
        everything = dict(seen.colours)
        _merge(everything, {value * _GREY_AS_COLOUR: found for value, found in grey.items()})
        exact = not any(path.suffix.lower() in LOSSY_ENDINGS for path in seen.sizes)
        rule = ColourRule(everything, seen.palette, exact=exact)
        good = rule.explained >= _ENOUGH_EXPLAINED
        if self._alpha and (len(rule.colours) < 2 or not good):
            return None
        if not good:
            raise BadMask(
                f"'{seen.coloured}' looks like a picture, not like a mask.",
                hint="Paint every object in one flat colour over black.",
            )
        self._alpha = False
        return rule

    def _other_labels(self, grey: Seen) -> Iterable[int]:
        """Labels that do not come from palette indexes."""
        if self._layers:
            return range(1, len(self._layers) + 1)
        if self._colours is not None:
            return self._colours.colours
        if self._alpha:
            return (1,)
        if self._grey_index:
            return grey
        return (1,) if grey else ()

    def _palette(self, seen: _Survey) -> dict[int, tuple[int, int, int]]:
        """The colours of the input."""
        if self._colours is not None:
            return {**seen.palette, **self._colours.colours}
        if seen.palette or self._grey_index or self._layers:
            return seen.palette
        return {1: _WHITE}

    def _names(self) -> dict[int, str]:
        """Names of the objects: those of the layers, else ``object_01``."""
        if self._layers:
            return dict(enumerate(self._layers, start=1))
        return {label: f"object_{label:02d}" for label in self.labels}

    def _doubts(self, seen: _Survey) -> Iterator[str]:
        """What was understood where a colour may be meant in another way."""
        if self._colours is None:
            return
        for label, parts in self._colours.doubtful.items():
            colour = self._colours.colours[label]
            path = seen.shown[int(pack(np.array(colour, np.uint8)))]
            others = " and ".join(self.names[part] for part in parts)
            yield (
                f"The mask '{path}' has the colour {colour}: it is read "
                f"as {self.names[label]}, an object of its own, not as an overlap of {others}. "
                "Give objects that overlap a folder each."
            )

    def read(self, path: Path) -> tuple[Mattes, bool]:
        """Decode a file of the set.

        Returns:
            label -> H x W float32 in 0..1 for every label of the set (zero where the picture
            lacks it), and whether the mattes are hard labels.

        Raises:
            BadMask: the file can't be read any more.
        """
        mask = _load(path)
        mask = mask.flattened() if self._flatten else mask
        found, hard = self._decode(mask)
        empty = np.zeros(mask.size, np.float32)
        return {label: found.get(label, empty) for label in self.labels}, hard

    def _decode(self, mask: MaskImage) -> tuple[Mattes, bool]:
        """The mattes that a picture holds."""
        if self._layers:
            numbered = enumerate(self._layers, start=1)
            return {i: mask.layers[name] for i, name in numbered if name in mask.layers}, False
        if mask.indexes is not None:
            return _split(mask.indexes), True
        if self._alpha and mask.alpha is not None:
            return {1: mask.alpha}, False
        mask = _over_black(mask)
        if self._colours is not None:
            return self._colours.mattes(_as_rgb(mask, wide=self._wide)), False
        return self._decode_grey(mask)

    def _decode_grey(self, mask: MaskImage) -> tuple[Mattes, bool]:
        """Labels or opacity of a grey picture."""
        if mask.grey is None:
            return {}, False
        if self._grey_index:
            return _split(_levels(mask.grey, wide=self._wide)), True
        return {1: _opacity(mask.grey)}, False


def _merge(into: Seen, more: Seen) -> None:
    """Add evidence to evidence."""
    for value, found in more.items():
        into[value] = into[value] + found if value in into else found


def _measure_few(levels: NDArray[np.uint8]) -> Seen:
    """Evidence of a grey or index picture; a lone value is a plateau without measuring."""
    counts = np.bincount(levels.ravel(), minlength=256)
    values = np.flatnonzero(counts[1:]) + 1
    if values.size > 1:
        return measure(levels, levels)
    return {int(v): Evidence(int(counts[v]), flat=int(counts[v])) for v in values}


def _split(labels: NDArray[np.uint8]) -> Mattes:
    """A matte for every label of a label map."""
    present = np.flatnonzero(np.bincount(labels.ravel(), minlength=256)[1:]) + 1
    return {int(label): (labels == label).astype(np.float32) for label in present}


def _is_wide(grey: NDArray[Any]) -> bool:
    """Whether a grey picture has more than 8 bits of opacity, not labels up to 255."""
    if grey.dtype == np.uint8:
        return False
    highest = float(grey.max(initial=0))
    if grey.dtype == np.uint16:
        return highest > _FULL
    return 0 < highest <= 1 or highest > _FULL or bool((grey != np.rint(grey)).any())


def _levels(grey: NDArray[Any], *, wide: bool) -> NDArray[np.uint8]:
    """Grey as 8 bits: opacity scaled down, labels as they are."""
    if grey.dtype == np.uint8:
        return grey
    if wide:
        return np.asarray(np.rint(_opacity(grey) * _FULL), np.uint8)
    return np.asarray(np.minimum(grey, _FULL), np.uint8)


def _opacity(grey: NDArray[Any]) -> NDArray[np.float32]:
    """Grey as float32 in 0..1, white being 1."""
    if grey.dtype.kind == "u":
        return np.asarray(grey / np.float32(np.iinfo(grey.dtype).max), np.float32)
    return np.asarray(np.minimum(grey, 1.0), np.float32)


def _as_rgb(mask: MaskImage, *, wide: bool) -> NDArray[np.uint8]:
    """Colour of a picture that may be grey, H x W x 3."""
    if mask.rgb is not None:
        return mask.rgb
    grey = np.zeros(mask.size, np.uint8) if mask.grey is None else _levels(mask.grey, wide=wide)
    return np.repeat(grey[..., None], 3, axis=2)


def _over_black(mask: MaskImage) -> MaskImage:
    """Colour faded by its alpha; an alpha that is zero everywhere was never painted."""
    if mask.alpha is None or not mask.alpha.any() or mask.alpha.min() >= 1.0:
        return mask
    if mask.rgb is not None:
        faded = np.rint(mask.rgb * mask.alpha[..., None]).astype(np.uint8)
        return MaskImage(rgb=faded, alpha=mask.alpha)
    if mask.grey is not None:
        faded = np.rint(_opacity(mask.grey) * mask.alpha * _FULL).astype(np.uint8)
        return MaskImage(grey=faded, alpha=mask.alpha)
    return mask
