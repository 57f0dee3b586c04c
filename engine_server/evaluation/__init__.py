# SPDX-License-Identifier: Apache-2.0
"""How good mattes are: J, F and matte errors, data-set layouts, reports."""

from engine_server.evaluation.measures import matte_mse, matte_sad
from engine_server.evaluation.report import FrameScore, ObjectScore, Report, SequenceScore
from engine_server.evaluation.scoring import evaluate

__all__ = [
    "FrameScore",
    "ObjectScore",
    "Report",
    "SequenceScore",
    "evaluate",
    "matte_mse",
    "matte_sad",
]
