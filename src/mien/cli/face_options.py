"""Options of the commands that learn from labeled faces, or measure on them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from mien.cli.shared import DataOption, FindFacesOption, VotesOption, read_data

if TYPE_CHECKING:
    from mien.learn.data.datasets import FaceSet


@dataclass(frozen=True)
class LabeledFaces:
    """Which labelled faces a command measures on, or learns from."""

    data: DataOption
    votes: VotesOption = None
    find_faces: FindFacesOption = False

    def files(self) -> list[Path | None]:
        """What is read, where those are files: no output may replace them."""
        return [self.data, self.votes]

    def read(self, *, quiet: bool = False) -> "FaceSet":
        """The faces; says what was left out unless it is `quiet`."""
        return read_data(self.data, votes=self.votes, find_faces=self.find_faces, quiet=quiet)


@dataclass(frozen=True)
class TrainingFaces(LabeledFaces):
    """The same where some of train may be held out as val."""

    val_share: Annotated[float | None, "Hold out this share of train as val, 0 to 1."] = None

    def read(self, *, quiet: bool = False) -> "FaceSet":
        """The faces, with some of train held out where a share is given."""
        faces = super().read(quiet=quiet)
        return faces if self.val_share is None else faces.hold_out(self.val_share)
