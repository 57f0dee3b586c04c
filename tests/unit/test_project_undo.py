# SPDX-License-Identifier: Apache-2.0
"""Undo and redo that name the edit that is meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.errors import NothingToUndo, UsageError
from tests.unit.projects import FIRST, painted_project


def test_only_the_edit_that_is_meant_is_undone(tmp_path: Path) -> None:
    """What another client did since stays, and so does what is taken back already."""
    with painted_project(tmp_path) as project:
        project.lock_frames([(FIRST, FIRST)], request="mine")
        project.add_object("theirs", request="other")
        for _ in range(2):
            with pytest.raises(UsageError, match="Something else was edited since"):
                project.undo(of="mine")
        project.undo(of="other")
        assert project.undo(of="mine").do == "lock"
        with pytest.raises(NothingToUndo):
            project.undo(of="mine")
        with pytest.raises(NothingToUndo):
            project.undo(of="of no edit")
        with pytest.raises(UsageError, match="Something else was edited since"):
            project.redo(of="other")
        assert project.redo(of="mine").do == "lock"
        with pytest.raises(NothingToUndo):
            project.redo(of="mine")
        project.undo(of="mine")
        project.add_object("third")
        with pytest.raises(NothingToUndo):
            project.undo(of="mine")
        with pytest.raises(UsageError, match="Something else was edited since"):
            project.redo(of="mine")
        assert project.objects[max(project.objects)] == "third"


def test_a_step_that_was_taken_up_again_is_undone_by_either_request(tmp_path: Path) -> None:
    with painted_project(tmp_path) as project:
        run = project.begin(request="first")
        project.end(run, "cancelled")
        assert project.begin(request="second").n == run.n
        project.end(run, "cancelled")
        assert project.undo(of="first").n == run.n
        with pytest.raises(NothingToUndo):
            project.undo(of="second")
        assert project.redo(of="second").n == run.n
