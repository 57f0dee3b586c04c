# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators: which frame to paint next."""

import bpy
from bpy.props import EnumProperty

from .operators import ClipOperator
from .shared.messages import Suggest

__all__ = ["CLASSES"]


class XMEMPP_OT_suggest(ClipOperator, bpy.types.Operator):
    """Look for the frames to paint next; they are marked in the timeline."""

    bl_idname = "xmempp.suggest"
    bl_label = "Suggest Frames"

    def run(self, context: bpy.types.Context) -> None:
        """As the panel's settings say."""
        wanted = self.movie_clip(context).xmempp
        request = Suggest(wanted.count, wanted.alpha, wanted.min_presence)
        self.whole_shot(context).suggest(request)


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
