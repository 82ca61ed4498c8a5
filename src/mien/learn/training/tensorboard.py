"""A training run in TensorBoard, for those who ask for it."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

from mien.errors import needs_extra
from mien.learn.training.loop import Progress


def tensorboard_writer(folder: Path) -> Callable[[Progress], None]:
    """What writes each finished epoch to a folder that `tensorboard --logdir` shows.

    Args:
        folder: is made; an earlier run's events there are gone on with.
    Raises:
        MissingExtraError: TensorBoard is not installed.
    """
    with needs_extra("train", "writing for TensorBoard"):
        from torch.utils.tensorboard import SummaryWriter
    # Made by the first epoch: the run's folder must be empty when it begins.
    opened = cache(lambda: SummaryWriter(str(folder)))

    def report(progress: Progress) -> None:
        if (row := progress.row) is None:
            return
        for name, value in (
            ("loss/train", row.loss),
            ("loss/val", row.val_loss),
            ("accuracy/train", row.accuracy),
            ("accuracy/val", row.val_accuracy),
            ("learning rate", row.learning_rate),
            ("seconds", row.seconds),
        ):
            opened().add_scalar(name, value, row.epoch)
        opened().flush()

    return report
