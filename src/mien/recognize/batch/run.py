"""A batch from end to end: plan, what is missing, engine, manifest and summary."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, cast

from mien import __version__
from mien.environment import cores
from mien.errors import (
    DataError,
    MienError,
    MissingExtraError,
    OptionError,
    OutputError,
    check_count,
)
from mien.output.files import json_text
from mien.recognize.batch.dataset import FEX, PLAN, Dataset, alone, clock, own_folder
from mien.recognize.batch.listing import Kind
from mien.recognize.batch.plan import Plan, make_plan
from mien.recognize.batch.pool import Event, Progress, run_local
from mien.recognize.batch.records import ShardRecord, Tally
from mien.recognize.batch.settings import BatchSettings, Job, model_files
from mien.recognize.batch.storage import Folder, absolute
from mien.recognize.batch.work import PARTS
from mien.recognize.sources import LeftOut, check_several

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
        own, tally = dict(vars(self)), dict(vars(self.tally))
        names = ("out", "rows", "fex", "complete", "shards", "shards_done", "shards_before")
        return {
            **{name: own[name] for name in (*names, "given_up")},
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
        OptionError: an argument is out of its range, `sources` is one path, not several, or no
            Ray cluster answers.
        ModelError: the model is missing, or no classifier of faces.
        MissingExtraError: pyarrow is not installed, or Ray is asked for and not installed.
        MienError: no worker process comes up, or Ray fails; what was done stays done.
    """
    if processes is not None:
        check_count("processes", processes, 0)
    names = _names(sources)
    if find_spec("pyarrow") is None:  # to import it takes as long as all of mien
        cause = ImportError("No module named 'pyarrow'")
        raise MissingExtraError("a data set in Parquet", "batch", cause)
    settings = settings or BatchSettings()
    folder = own_folder(str(out))
    if ray is not None:
        from mien.recognize.batch.cluster import check_answers, run_ray

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
            order = plan.heaviest_first(missing)
            if ray is None:
                workers = min(cores() if processes is None else processes, len(missing))
                engine, events = "processes", run_local(job, plan, order, workers)
            else:
                workers = processes or 0
                engine, events = "ray", run_ray(job, plan, order, ray, workers or None)
            result = _Work(dataset, plan, engine, workers, retry_errors, report).do(events)
            return replace(result, fex=dataset.write_fex()) if fex else result


def _names(sources: Sequence[str | Path]) -> list[str]:
    """Sources by names that hold from any folder."""
    check_several("sources", sources)
    if not sources:
        raise OptionError("expected at least one; got none", argument="sources")
    if not all(map(str, sources)):  # which would be the folder that one is in
        raise OptionError("expected files and folders; got an empty name", argument="sources")
    return [absolute(str(source)) for source in sources]


def _job(
    settings: BatchSettings, sources: Sequence[str], folder: Folder, *, travels: bool
) -> tuple[Job, dict[str, Any]]:
    """The job, and what of it decides about the rows, for the manifest."""
    # All that a worker would stumble over is tried here, where the error ends one process.
    spec = settings.open().classifier.spec
    models = model_files(settings.model, with_content=travels)
    job = Job(settings, models, spec.name, folder.name, "", __version__)
    values = asdict(settings)
    if not settings.movements:  # as in data sets of before there were any
        del values["movements"]
    about = {"sources": list(sources), "settings": values, **job.reader}
    return job, json.loads(json_text(about))  # as the manifest has it


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
    with ExitStack() as stack:
        plan = stack.enter_context(make_plan(sources, settings, not_in=folder.name))
        if plan.all_unreadable:
            raise DataError(plan.all_unreadable)
        if found is None:
            found = Dataset(folder, about)
            if overwrite:  # now that nothing can be found wrong with what comes in its place
                found.clear()
            plan.save(folder, PLAN)
        else:
            with Plan.load(folder, PLAN) as before:
                _check_same_files(before, plan, folder.name)
        stack.pop_all()
        return found, plan


def _check_same_files(before: Plan, plan: Plan, name: str) -> None:
    if before.digest == plan.digest:
        return
    changes = [
        f"{kind} files were {was:,} and are {now:,}"
        for kind in {**before.counts, **plan.counts}
        if (was := before.counts.get(kind, 0)) != (now := plan.counts.get(kind, 0))
    ]
    raise OutputError(
        f"{name}: expected the files that it was begun with; "
        f"{'; '.join(changes) or 'names or sizes differ'}. Use another folder, --overwrite, or "
        "--as-planned for the files of the begin alone"
    )


@dataclass
class _Work:
    """Follows an engine: counts, manifest, word of how far it is."""

    _dataset: Dataset
    _plan: Plan
    _engine: str
    _workers: int
    _retry_errors: bool
    _report: Callable[[Status], None] | None

    def __post_init__(self) -> None:
        self._before = self._dataset.tally
        self._shards_before = len(self._dataset.records)
        self._done = Tally()  # of shards that this run has done
        self._given_up = 0
        self._begun = time.time()
        self._clock = time.monotonic()
        self._save_after = 0.0

    def do(self, events: Iterator[Event]) -> BatchResult:
        """Do what is missing; the manifest and the summary are written however it ends."""
        self._save("at work")  # workers on other machines look for it
        ended = "interrupted"
        try:
            with closing(cast(Any, events)):
                for event in events:
                    self._take(event)
            ended = "complete" if self._complete else "given up"
        except MienError as error:
            with suppress(MienError):  # the disk may be full, which is what `error` says
                self._take_unheard()
                self._finish(str(error))
            raise
        except BaseException:
            self._take_unheard()
            self._finish(ended)
            raise
        return self._finish(ended)

    @property
    def _complete(self) -> bool:
        records = self._dataset.records
        return len(records) == len(self._plan) and all(r.is_done for r in records.values())

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._clock

    def _take(self, event: Event) -> None:
        if isinstance(event, ShardRecord):
            self._given_up += not event.is_done
            self._dataset.records[event.shard] = event
            self._done.add(event.tally)
            if time.monotonic() > self._save_after:
                self._save("at work")
        elif self._report is not None:
            self._report(self._status(event))

    def _take_unheard(self) -> None:
        """Parts count that workers had written when they were ended before word of them came."""
        dataset, heard = self._dataset, self._dataset.records
        dataset.find_done(len(self._plan), retry_errors=self._retry_errors)
        for number in dataset.records.keys() - heard.keys():
            self._done.add(dataset.records[number].tally)
        dataset.records.update(heard)

    def _status(self, under_way: Progress) -> Status:
        plan, before, seconds = self._plan, self._before, self._seconds
        images = self._done.images + under_way.images
        errors = self._done.failed + under_way.errors
        uncounted = plan.counts.get(Kind.TAR, 0) + plan.counts.get(Kind.VIDEO, 0)
        return Status(
            shards=len(plan),
            shards_done=len(self._dataset.records),
            images=None if uncounted else plan.images,
            images_done=before.images + before.failed + images + errors,
            errors=before.failed + errors,
            seconds=seconds,
            images_per_s=images / seconds if seconds > 0 else 0.0,
        )

    def _save(self, ended: str) -> None:
        """Write the manifest; `ended` is "at work" while it is not, or the error."""
        begun = time.monotonic()
        run = {
            "begun": clock(self._begun),
            "seconds": round(self._seconds, 3),
            "engine": self._engine,
            "workers": self._workers,
            "images": self._done.images,
            "ended": ended,
        }
        self._dataset.save(self._plan, run, complete=self._complete)
        now = time.monotonic()
        self._save_after = now + max(MANIFEST_EVERY_S, (now - begun) / _MANIFEST_SHARE)

    def _finish(self, ended: str) -> BatchResult:
        from mien.recognize.batch.summary import write_summary  # workers need no pages

        dataset, seconds = self._dataset, self._seconds
        dataset.remove_rests()
        self._save(ended)
        tally = dataset.tally
        left_out = LeftOut(self._plan.left_out)
        left_out.update(tally.left_out)
        result = BatchResult(
            out=dataset.folder.name,
            rows=dataset.folder.path(PARTS),
            complete=self._complete,
            shards=len(self._plan),
            shards_done=sum(r.is_done for r in dataset.records.values()),
            shards_before=self._shards_before,
            given_up=self._given_up,
            tally=tally,
            seconds=seconds,
            images=self._done.images,
            engine=self._engine,
            workers=self._workers,
            left_out=left_out,
        )
        write_summary(dataset, result)
        return result
