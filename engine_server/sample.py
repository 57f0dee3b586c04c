# SPDX-License-Identifier: Apache-2.0
"""The sample shot that comes with the project."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from shared.errors import NotFound

__all__ = ["SampleShot", "sample_shot"]


@dataclass(frozen=True)
class SampleShot:
    """Folders of the sample shot: plate, painted references, and the exact masks."""

    folder: Path

    @property
    def plate(self) -> Path:
        """48 EXR frames, numbered from 1001."""
        return self.folder / "plate"

    @property
    def references(self) -> Path:
        """Three painted masks."""
        return self.folder / "references"

    @property
    def truth(self) -> Path:
        """A mask of every frame, where the exact alpha is above one half."""
        return self.folder / "truth"


def sample_shot() -> SampleShot:
    """The shot in the installed package, or in a checkout of the project.

    Raises:
        NotFound: it is in neither.
    """
    package = Path(__file__).parent
    for folder in (package / "sample_shot", package.parent / "examples" / "sample_shot"):
        if folder.is_dir():
            return SampleShot(folder)
    raise NotFound(
        "The sample shot is not part of this installation.", hint="Install xmempp again."
    )
