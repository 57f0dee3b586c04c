# SPDX-License-Identifier: Apache-2.0
"""The workspace: one folder for each clip, in which nothing that was acknowledged is ever lost."""

from .contents import Contents, History, Run, StoredMatte
from .edit_log import Edit, EditLog
from .exact import read_matte, write_matte
from .folder import Clip, ProjectFolder, ProjectHeader, Workspace
from .lock import ProjectLock, lock_holder

__all__ = [
    "Clip",
    "Contents",
    "Edit",
    "EditLog",
    "History",
    "ProjectFolder",
    "ProjectHeader",
    "ProjectLock",
    "Run",
    "StoredMatte",
    "Workspace",
    "lock_holder",
    "read_matte",
    "write_matte",
]
