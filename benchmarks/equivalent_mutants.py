# SPDX-License-Identifier: Apache-2.0
"""Mutants that change no result, and why: `benchmarks.mutations` does not count them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["why_equivalent"]


@dataclass(frozen=True)
class _Row:
    """Changes of one line.

    Attributes:
        why: they change no result.
        file: of the module, from `engine_server` on.
        source: what the line begins with.
        changes: as the mutants name them.
    """

    why: str
    file: str
    source: str
    changes: tuple[str, ...]


_SIZE = "only how much is computed at a time"
_SPEED = "the plain and the quick top-k give the same; only speed differs"
_ZERO = "only keeps 0 / 0 away"
_ONE = "a batch of one"
_READOUT, _STORES, _READING = (f"memory/{name}.py" for name in ("readout", "stores", "reading"))
_TRACKER = "session/tracker.py"
_BLOCKS, _TRUNKS, _PRECISION = (f"network/{name}.py" for name in ("blocks", "trunks", "precision"))

_ROWS = (
    _Row(_SIZE, _READOUT, "BLOCK = 16", ("16 -> 17", "16 -> 15")),
    _Row(_SIZE, _READOUT, "CHUNK = 1 << 23", ("1 -> 2", "23 -> 24", "23 -> 22")),
    _Row(_SIZE, _READOUT, "CHUNK = 1 << 23", ("LShift -> RShift", "1 -> 0")),
    _Row(_SIZE, _READOUT, "TILE = 1024", ("1024 -> 1025", "1024 -> 1023")),
    _Row(_SIZE, _READOUT, "for part in torch.split(query, max(1, CHUNK", ("1 -> 2",)),
    _Row(_SPEED, _READOUT, "if query.device.type !=", ("NotEq -> Eq",)),
    _Row(_SPEED, _READOUT, "if blocks <= 2 * k", ("LtE -> Lt", "2 -> 3", "2 -> 1")),
    _Row("their order does not matter", _READOUT, "chosen = torch.topk(", ("False -> True",)),
    _Row("there is one dimension", _READOUT, "return usage.index_add_(0", ("0 -> -1",)),
    _Row("the best M of M tokens are all", _READOUT, "if top_k is None or", ("GtE -> Gt",)),
    _Row("a group is told of by the same tokens", _READING, "told = tokens.told[", ("0 -> -1",)),
    _Row("both are None or neither is", _READING, "if usage is not None and used", ("And -> Or",)),
    _Row("there is one column", _READING, "index = told.nonzero()[:, 0]", ("0 -> -1",)),
    _Row(_ZERO, _STORES, "self._life = torch.cat(", ("1e-07 -> 1e-06", "Add -> Sub")),
    _Row(
        "of as many tokens as there is room for, all are kept",
        _STORES,
        "if self.tokens is not None and len(self) >= room:",
        ("GtE -> Gt",),
    ),
    _Row(_ONE, _TRACKER, "key, selection = features.key[0]", ("0 -> -1",)),
    _Row(_ONE, _TRACKER, "prob = torch.sigmoid(logits[0])", ("0 -> -1",)),
    _Row(_ONE, _TRACKER, "values = dict(zip(objects, value[0]", ("0 -> -1",)),
    _Row(_ONE, _TRACKER, "return Tokens.of_frame(features.key[0]", ("0 -> -1",)),
    _Row("mattes are never negative", _TRACKER, "free = 1 - torch.stack(", ("0 -> -1",)),
    _Row("kernels have 1 or 3 pixels", _TRUNKS, "return nn.Conv2d(c_in, c_out,", ("2 -> 3",)),
    _Row("expansions are 1 or 6", _TRUNKS, "widen = [*conv_bn(c_in, wide, 1)", ("1 -> 2",)),
    _Row(
        "only training uses it",
        _TRUNKS,
        "return [conv, nn.BatchNorm2d(c_out",
        ("0.01 -> 0.0101",),
    ),
    _Row(
        "errors are carried along one weight more or less",
        _PRECISION,
        "SEGMENT = 144",
        ("144 -> 145", "144 -> 143"),
    ),
    _Row("all columns are alike", _PRECISION, "carry = torch.zeros_like", ("0 -> 1", "0 -> -1")),
    _Row("weights have four dimensions", _PRECISION, "if parameter.dim() > 1", ("1 -> 2",)),
    _Row("there is one logit", "network/xmem.py", "return hidden, unflat(logits", ("0 -> -1",)),
    _Row(
        "a network with a hidden state has three widths",
        "network/decoder.py",
        "d16, d8, d4 = config.decoder_dims[:3]",
        ("3 -> 4",),
    ),
    _Row(
        "one copy of a picture is the picture",
        _BLOCKS,
        "return x.repeat_interleave(objects, 0) if objects > 1 else x",
        ("Gt -> GtE", "1 -> 0"),
    ),
)


def why_equivalent(file: str, source: str, change: str) -> str:
    """Why a mutant changes no result; empty if it should be noticed."""
    for row in _ROWS:
        if row.file == file and source.startswith(row.source) and change in row.changes:
            return row.why
    return ""
