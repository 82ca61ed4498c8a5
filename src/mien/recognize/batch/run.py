"""A batch from end to end: plan, what is missing, engine, manifest and summary."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal, cast

from mien.errors import DataError, MienError, MissingExtraError, OptionError, OutputError
from mien.recognize.batch.dataset import (
    FEX,
    MANIFEST,
    PLAN,
    SUMMARY,
    Dataset,
    Run,
    alone,
    is_foreign,
)
from mien.recognize.batch.listing import Kind
from mien.recognize.batch.plan import Plan, make_plan
from mien.recognize.batch.pool import Event, Progress, cores, run_local
from mien.recognize.batch.records import GivenUp, Tally
from mien.recognize.batch.settings import BatchSettings, Job, model_files
from mien.recognize.batch.storage import Folder, absolute
from mien.recognize.batch.work import PARTS, failed_part
from mien.recognize.sources import LeftOut

MANIFEST_EVERY_S: Final = 10.0
"""Between two versions of the manifest while work goes on; longer where writing one takes long."""

_MANIFEST_SHARE: Final = 0.02  # of the time, at most, for writing it


@dataclass(frozen=True)
class Status:
    """How far a batch is.

    Attributes:
        shards: of the plan.
        shards_done: by this run and earlier ones.
        images: to be read, as far as that is known before they are; None where archives or videos
            do not tell.
        images_done: read, or failed to be, by this run and earlier ones.
        errors: of these.
        seconds: since this run began its work.
        images_per_s: of this run.
    """

    shards: int
    shards_done: int
    images: int | None
    images_done: int
    errors: int
    seconds: float
    images_per_s: float


@dataclass(frozen=True)
class BatchResult:
    """What came of a batch.

    Attributes:
        out: the data set.
        rows: its folder of Parquet files.
        complete: whether all shards are done; those that were given up are not.
        shards: of the plan.
        shards_done: of these; by this run and earlier ones.
        shards_before: that earlier runs had done.
        given_up: shards that were given up.
        tally: of all that is done.
        seconds: that this run worked.
        images: images that this run has read.
        engine: "processes" or "ray".
        workers: processes; 0 where the work was done in this one. Of Ray, the most tasks at
            once that were asked for; 0 for one on every core.
        left_out: files in folders, patterns and archives that cannot be read.
        fex: the file for py-feat; None unless it was asked for.
    """

    out: str
    rows: str
    complete: bool
    shards: int
    shards_done: int
    shards_before: int
    given_up: int
    tally: Tally
    seconds: float
    images: int
    engine: str
    workers: int
    left_out: LeftOut
    fex: str | None = None

    @property
    def images_per_s(self) -> float:
        """Of this run."""
        return self.images / self.seconds if self.seconds > 0 else 0.0

    def to_dict(self) -> dict[str, Any]:
        """In plain values, ready for JSON."""
        tally = dict(vars(self.tally))
        return {
            "out": self.out,
            "rows": self.rows,
            "fex": self.fex,
            "complete": self.complete,
            "shards": self.shards,
            "shards_done": self.shards_done,
            "shards_before": self.shards_before,
            "given_up": self.given_up,
            "run": {
                "images": self.images,
                "seconds": round(self.seconds, 3),
                "images_per_s": round(self.images_per_s, 2),
                "engine": self.engine,
                "workers": self.workers,
            },
            "stages_s": tally.pop("seconds"),
            **tally,
            "left_out": dict(self.left_out),
        }


def run_batch(
    sources: Sequence[str | Path],
    out: str | Path,
    settings: BatchSettings | None = None,
    *,
    processes: int | None = None,
    ray: str | None = None,
    overwrite: bool = False,
    as_planned: bool = False,
    retry_errors: bool = False,
    fex: bool = False,
    report: Callable[[Status], None] | None = None,
) -> BatchResult:
    """Read every face of an archive of images and videos into a Parquet data set.

        if __name__ == "__main__":
            run_batch(["photos", "s3://bucket/shards/*.tar"], "readings")

    Where the folder holds such a data set already, what is missing of it is done. A script must
    call this under `if __name__ == "__main__":`, since the worker processes import it.

    Args:
        sources: see `mien.recognize.batch.listing.find_files`.
        out: folder of the data set; in an object store, too.
        settings: what decides about its rows.
        processes: at work at once, or at most so many tasks of Ray; None takes every core, and 0
            does all in this process.
        ray: address of a Ray cluster, such as `10.0.0.1:6379` or `auto`; `local` starts one here.
        overwrite: begin anew, whatever the folder holds of an earlier batch.
        as_planned: go on with the files that were there when the data set was begun; do not look
            for others.
        retry_errors: do shards with errors again, too.
        fex: at the end also write all rows as one file for py-feat; an earlier one goes where
            rows are written anew.
        report: is told now and then how far it is.
    Returns:
        What came of it. Images that could not be read are rows with an error, and counted.
    Raises:
        DataError: a source does not exist, may not be read, or nothing in it can be.
        OutputError: the folder cannot be written to, holds something else, or a data set that was
            begun with other settings, sources or files. What was done stays done.
        OptionError: an argument is out of its range, or no Ray cluster answers.
        ModelError: the model is missing, or no classifier of faces.
        MissingExtraError: pyarrow is not installed, or Ray is asked for and not installed.
        MienError: no worker process comes up, or Ray fails; what was done stays done.
    """
    if processes is not None and processes < 0:
        raise OptionError(f"processes: expected 0 or more; got {processes}")
    if find_spec("pyarrow") is None:  # to import it takes as long as all of mien
        cause = ImportError("No module named 'pyarrow'")
        raise MissingExtraError("a data set in Parquet", "batch", cause)
    settings = settings or BatchSettings()
    names = [absolute(str(source)) for source in sources]
    if not names:
        raise OptionError("sources: expected at least one; got none")
    folder = _own_folder(str(out))
    if ray is not None:
        from mien.recognize.batch.cluster import check_answers

        check_answers(ray)
    job, about = _job(settings, names, folder, travels=ray not in (None, "local"))
    with alone(folder):
        dataset, plan = _begin(
            folder, names, settings, about, overwrite=overwrite, as_planned=as_planned
        )
        with plan:
            job = replace(job, dataset=dataset.id)
            missing = dataset.find_done(len(plan), retry_errors=retry_errors)
            dataset.remove_rests()
            if missing:
                folder.remove(FEX)
            work = _Work(dataset, plan, len(plan) - len(missing), report)
            if ray is not None:
                work.engine, work.workers = "ray", processes or 0
            else:
                work.workers = min(cores() if processes is None else processes, len(missing))
            order = plan.heaviest_first(missing)
            result = work.do(job, _engine(job, plan, order, ray, work.workers))
            return replace(result, fex=_write_fex(dataset)) if fex else result


def _engine(
    job: Job, plan: Plan, order: Sequence[int], ray: str | None, workers: int
) -> Iterator[Event]:
    if ray is not None:
        from mien.recognize.batch.cluster import run_ray

        return run_ray(job, plan, order, ray, workers or None)
    return run_local(job, plan, order, workers)


def _own_folder(name: str) -> Folder:
    """The folder of a data set, which holds nothing else."""
    folder = Folder(name)
    if is_foreign(folder):
        raise OutputError(
            f"{folder.name}: expected an empty folder, or a data set of `mien batch`; it holds "
            f"something else, and no {MANIFEST}"
        )
    return folder


def _write_fex(dataset: Dataset) -> str:
    from mien.recognize.batch.fex import write_fex  # workers need no tables

    return write_fex(dataset)


def _job(
    settings: BatchSettings, sources: Sequence[str], folder: Folder, *, travels: bool
) -> tuple[Job, dict[str, Any]]:
    """The job, and what of it decides about the rows, for the manifest."""
    # All that a worker would stumble over is tried here, where the error ends one process.
    from mien import __version__

    spec = settings.open().classifier.spec
    models = model_files(settings.model, with_content=travels)
    job = Job(settings, models, spec.name, folder.name, "", __version__)
    values = asdict(settings)
    if not settings.movements:  # as in data sets of before there were any
        del values["movements"]
    about = {
        "sources": list(sources),
        "settings": values,
        "model": spec.name,
        "model_sha256": job.model_sha256,
        "mien_version": __version__,
    }
    return job, about


def _begin(
    folder: Folder,
    sources: Sequence[str],
    settings: BatchSettings,
    about: dict[str, Any],
    *,
    overwrite: bool,
    as_planned: bool,
) -> tuple[Dataset, Plan]:
    """The data set, new or found, and its plan."""
    found = None if overwrite else Dataset.load(folder)
    if found is not None:
        found.check_same(about)
        if as_planned:
            return found, Plan.load(folder, PLAN)
    plan = make_plan(sources, settings, not_in=folder.name)
    if plan.all_unreadable:
        plan.close()
        raise DataError(plan.all_unreadable)
    if found is None:
        found = Dataset(folder, about)
        if overwrite:  # now that nothing can be found wrong with what comes in its place
            found.clear()
        plan.save(folder, PLAN)
        return found, plan
    with Plan.load(folder, PLAN) as before:
        if before.digest != plan.digest:
            kinds = {**before.counts, **plan.counts}
            changes = [
                f"{kind} files were {before.counts.get(kind, 0):,} and are "
                f"{plan.counts.get(kind, 0):,}"
                for kind in kinds
                if before.counts.get(kind, 0) != plan.counts.get(kind, 0)
            ]
            plan.close()
            raise OutputError(
                f"{folder.name}: expected the files that it was begun with; "
                f"{'; '.join(changes) or 'names or sizes differ'}. Use another folder, "
                "--overwrite, or --as-planned for the files of the begin alone"
            )
    return found, plan


class _Work:
    """Follows an engine: counts, manifest, word of how far it is."""

    def __init__(
        self,
        dataset: Dataset,
        plan: Plan,
        before: int,
        report: Callable[[Status], None] | None,
    ) -> None:
        self.engine: Literal["processes", "ray"] = "processes"
        self.workers = 0
        self._dataset, self._plan, self._before, self._report = dataset, plan, before, report
        tally = dataset.tally
        self._done_before = tally.images + tally.failed
        self._errors_before = tally.failed
        self._given_up = 0
        self._images = 0  # of shards that this run has done, as the errors
        self._errors = 0
        self._under_way = Progress()
        self._begun = time.time()
        self._clock = time.monotonic()
        self._saved_at = 0.0
        self._save_s = 0.0

    def do(self, job: Job, engine: Iterator[Event]) -> BatchResult:
        """Do what is missing; the manifest and the summary are written however it ends."""
        self._save("at work")  # workers on other machines look for it
        ended = "interrupted"
        try:
            with closing(cast(Any, engine)):
                for event in engine:
                    self._take(job, event)
            ended = "complete" if self._complete else "given up"
        except MienError as error:
            ended = str(error)
            with suppress(MienError):  # the disk may be full, which is what `error` says
                self._finish(ended)
            raise
        except BaseException:
            self._finish(ended)
            raise
        return self._finish(ended)

    @property
    def _complete(self) -> bool:
        records = self._dataset.records
        return len(records) == len(self._plan) and all(r.is_done for r in records.values())

    def _take(self, job: Job, event: Event) -> None:
        if isinstance(event, Progress):
            self._under_way = event
            if self._report is not None:
                self._report(self._status())
            return
        if isinstance(event, GivenUp):
            self._given_up += 1
            event = failed_part(job, self._plan[event.shard], event)
        self._dataset.records[event.shard] = event
        self._images += event.tally.images
        self._errors += event.tally.failed
        if time.monotonic() - self._saved_at > max(
            MANIFEST_EVERY_S, self._save_s / _MANIFEST_SHARE
        ):
            self._save("at work")

    def _status(self) -> Status:
        plan = self._plan
        images = self._images + self._under_way.images
        errors = self._errors + self._under_way.errors
        seconds = time.monotonic() - self._clock
        uncounted = plan.counts.get(Kind.TAR, 0) + plan.counts.get(Kind.VIDEO, 0)
        return Status(
            shards=len(plan),
            shards_done=len(self._dataset.records),
            images=None if uncounted else plan.images,
            images_done=self._done_before + images + errors,
            errors=self._errors_before + errors,
            seconds=seconds,
            images_per_s=images / seconds if seconds > 0 else 0.0,
        )

    def _run(self, ended: str) -> Run:
        seconds = time.monotonic() - self._clock
        return Run(self._begun, seconds, self.engine, self.workers, self._images, ended)

    def _save(self, ended: str) -> None:
        begun = time.monotonic()
        self._dataset.save(self._plan, self._run(ended), complete=self._complete)
        self._saved_at = time.monotonic()
        self._save_s = self._saved_at - begun

    def _finish(self, ended: str) -> BatchResult:
        from mien.recognize.batch.summary import write_summary  # workers need no pages

        dataset = self._dataset
        dataset.remove_rests()
        run = self._run(ended)
        self._save(ended)
        left_out = LeftOut(self._plan.left_out)
        left_out.update(dataset.tally.left_out)
        result = BatchResult(
            out=dataset.folder.name,
            rows=dataset.folder.path(PARTS),
            complete=self._complete,
            shards=len(self._plan),
            shards_done=sum(r.is_done for r in dataset.records.values()),
            shards_before=self._before,
            given_up=self._given_up,
            tally=dataset.tally,
            seconds=run.seconds,
            images=self._images,
            engine=self.engine,
            workers=self.workers,
            left_out=left_out,
        )
        write_summary(dataset, SUMMARY, result)
        return result
