"""How a training run shows itself on standard error."""

import sys
from typing import Any

from mien.cli.shared import stderr


class TrainingDisplay:
    """A bar for the epoch under way and a line for each finished one, on stderr."""

    def __enter__(self) -> "TrainingDisplay":
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[shown]}"),
            TimeRemainingColumn(),
            console=stderr(),
            disable=not sys.stderr.isatty(),
        )
        self._bar.start()
        self._task = self._bar.add_task("starting", shown="", total=None)
        return self

    def __exit__(self, *exception: object) -> None:
        if not self._bar.disable:  # before Rich 14 it ends with an empty line all the same
            self._bar.stop()

    def prepare(self, what: str, share: float) -> None:
        """Show how far something is that comes before training; `share` is 0 to 1."""
        self._bar.update(self._task, description=what, completed=share, total=1.0)

    def report(self, progress: Any) -> None:
        """Show where the run is; `progress` is a `mien.learn.training.loop.Progress`."""
        row = progress.row
        if row is not None:
            line = (
                f"epoch {row.epoch}/{progress.epochs}: loss {row.loss:.4f}, "
                f"accuracy {row.accuracy:.4f}, val loss {row.val_loss:.4f}, "
                f"val accuracy {row.val_accuracy:.4f}, {row.seconds:.1f} s"
            )
            print(line, file=sys.stderr, flush=True)
        elif progress.asked is not None:
            self.prepare("asking the teachers", progress.asked)
        else:
            self._bar.update(
                self._task,
                description=f"epoch {progress.epoch}/{progress.epochs}",
                completed=(progress.epoch - 1) * progress.steps + progress.step,
                total=progress.epochs * progress.steps,
                shown=f"loss {progress.loss:.3f}, accuracy {progress.accuracy:.3f}",
            )
