# SPDX-License-Identifier: Apache-2.0
"""How good mattes are: J, F and matte errors, data-set layouts, reports."""

from .measures import matte_dtssd, matte_mse, matte_sad
from .report import FrameScore, ObjectScore, Report, SequenceScore
from .scoring import evaluate

__all__ = [
    "FrameScore",
    "ObjectScore",
    "Report",
    "SequenceScore",
    "evaluate",
    "matte_dtssd",
    "matte_mse",
    "matte_sad",
]
