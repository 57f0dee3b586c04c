# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators: which frame to paint next."""

import bpy
from bpy.props import EnumProperty, FloatProperty, IntProperty

from .operators import ClipOperator, EditOperator
from .shared.messages import Suggest
from .state import ALPHA, COUNT, MIN_PRESENCE

__all__ = ["CLASSES"]


class XMEMPP_OT_suggest(EditOperator, bpy.types.Operator):
    """Look for the frames to paint next; they are marked in the timeline."""

    bl_idname = "xmempp.suggest"
    bl_label = "Suggest Frames"

    count: IntProperty(**COUNT, options={"SKIP_SAVE"})
    alpha: FloatProperty(**ALPHA, options={"SKIP_SAVE"})
    min_presence: FloatProperty(**MIN_PRESENCE, options={"SKIP_SAVE"})

    def run(self, context: bpy.types.Context) -> None:
        """As the panel says, where nothing else is asked for."""
        kept = self.movie_clip(context).xmempp
        self.fill(count=kept.count, alpha=kept.alpha, min_presence=kept.min_presence)
        self.whole_shot(context).suggest(Suggest(self.count, self.alpha, self.min_presence))


class XMEMPP_OT_candidate_jump(ClipOperator, bpy.types.Operator):
    """Go to the best candidate, or from one to another."""

    bl_idname = "xmempp.candidate_jump"
    bl_label = "Go to Candidate"

    to: EnumProperty(
        name="To",
        description="Candidates are ordered, best first",
        items=(
            ("NEXT", "Next", "The next best"),
            ("PREVIOUS", "Previous", "The next better"),
        ),
    )

    def run(self, context: bpy.types.Context) -> None:
        """Moves the scene."""
        shot = self.shot(context)
        if self.to == "NEXT":
            shot.next_candidate()
        else:
            shot.previous_candidate()


CLASSES = (XMEMPP_OT_suggest, XMEMPP_OT_candidate_jump)
