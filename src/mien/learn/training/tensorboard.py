"""A training run in TensorBoard, for those who ask for it."""

from pathlib import Path

from mien.errors import needs_extra
from mien.learn.training.loop import Progress


class TensorBoardWriter:
    """Writes each finished epoch to a folder that `tensorboard --logdir` shows.

    Args:
        folder: is made; an earlier run's events there are gone on with.
    Raises:
        MissingExtraError: TensorBoard is not installed.
    """

    def __init__(self, folder: Path) -> None:
        with needs_extra("train", "writing for TensorBoard"):
            from torch.utils.tensorboard import SummaryWriter
        self._folder = folder
        self._kind = SummaryWriter
        self._writer: SummaryWriter | None = None

    def report(self, progress: Progress) -> None:
        """Add the row of a finished epoch; anything else is passed over."""
        row = progress.row
        if row is None:
            return
        if self._writer is None:  # only now: the run's folder must be empty when it begins
            self._writer = self._kind(str(self._folder))
        for name, value in (
            ("loss/train", row.loss),
            ("loss/val", row.val_loss),
            ("accuracy/train", row.accuracy),
            ("accuracy/val", row.val_accuracy),
            ("learning rate", row.learning_rate),
            ("seconds", row.seconds),
        ):
            self._writer.add_scalar(name, value, row.epoch)
        self._writer.flush()
