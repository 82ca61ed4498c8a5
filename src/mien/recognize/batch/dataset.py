"""The folder of a data set: what is in it, what of it is done, and who may write to it.

    DATASET/
      rows/part-000000.parquet ...   the rows of a shard each, with its record in the metadata
      plan.jsonl.gz                  a line for each shard: its files
      manifest.json                  settings, model, counts, times, and the record of each shard
      summary.html                   a page to look at
      rows.fex.csv                   all rows for py-feat, where somebody asked for it

A part that is there is done: it gets its name when all of it is written, so nothing else has to be
kept in step with it. The manifest repeats the records so that a rerun need not open every part.
"""

import json
import os
import time
import uuid
from calendar import timegm
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from mien.errors import DataError, OutputError
from mien.output.files import is_part_name
from mien.recognize.batch.plan import Plan
from mien.recognize.batch.records import ShardRecord, Tally
from mien.recognize.batch.storage import Folder, open_file, writing
from mien.recognize.batch.work import PARTS, read_record

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
PLAN: Final = "plan.jsonl.gz"
SUMMARY: Final = "summary.html"
FEX: Final = "rows.fex.csv"

_LOCK: Final = ".lock"
_OURS: Final = (MANIFEST, PLAN, SUMMARY, FEX, _LOCK)


@dataclass(frozen=True)
class Run:
    """One start of the command that worked on a data set.

    Attributes:
        begun: in seconds since 1970.
        seconds: how long it has been at work.
        engine: "processes" or "ray".
        workers: see `BatchResult`.
        images: images that it has read.
        ended: "complete", "interrupted", an error, or "at work" while it is, or was killed.
    """

    begun: float
    seconds: float
    engine: str
    workers: int
    images: int
    ended: str = "at work"

    def to_dict(self) -> dict[str, Any]:
        """In plain values, ready for JSON."""
        return {**vars(self), "begun": _clock(self.begun), "seconds": round(self.seconds, 3)}


class Dataset:
    """A data set that is worked on.

    Args:
        folder: where it is.
        about: what decides about its rows, ready for JSON: sources, settings, model, version.
    """

    def __init__(self, folder: Folder, about: Mapping[str, Any]) -> None:
        self.folder = folder
        self.id = uuid.uuid4().hex
        self.about = dict(about)
        self.records: dict[int, ShardRecord] = {}
        self._earlier: list[dict[str, Any]] = []  # runs
        self._created = time.time()

    @property
    def tally(self) -> Tally:
        """Of all shards that are done."""
        total = Tally()
        for record in self.records.values():
            total.add(record.tally)
        return total

    @classmethod
    def load(cls, folder: Folder) -> Self | None:
        """The data set in a folder, without its records; None where there is none.

        Raises:
            OutputError: its manifest is damaged, or of a newer mien.
        """
        content = folder.read(MANIFEST)
        if content is None:
            return None
        name = folder.path(MANIFEST)
        try:
            values = json.loads(content)
            if values["format"] != FORMAT:
                raise OutputError(
                    f"{name}: expected format {FORMAT}; got {values['format']}. A newer mien may "
                    "read it"
                )
            found = cls(folder, values["about"])
            found.id = values["id"]
            found._created = float(timegm(time.strptime(values["created"], _TIME)))
            found._earlier = values["runs"]
            for record in map(ShardRecord.from_dict, values["shards"]):
                found.records[record.shard] = record
        except (ValueError, KeyError, TypeError) as error:
            raise OutputError(
                f"{name}: expected a manifest of `mien batch`; {error!r}. Use another folder, or "
                "--overwrite"
            ) from error
        return found

    def check_same(self, about: Mapping[str, Any]) -> None:
        """Refuse to go on with other settings than it was begun with.

        Raises:
            OutputError: something differs; the message says what.
        """
        differences = [
            f"{name} was {was.get(name)!r} and is {now.get(name)!r}"
            for was, now in ((self.about, about), (self.about["settings"], about["settings"]))
            for name in {**was, **now}
            if name != "settings" and was.get(name) != now.get(name)
        ]
        if differences:
            raise OutputError(
                f"{self.folder.name}: expected the settings that it was begun with; "
                f"{'; '.join(differences)}. Use another folder, or --overwrite"
            )

    def find_done(self, shards: int, *, retry_errors: bool = False) -> list[int]:
        """Look at the parts that are there; `records` are then theirs.

        Args:
            shards: of the plan.
            retry_errors: shards with errors do not count as done.
        Returns:
            The numbers of the shards that are missing.
        Raises:
            OutputError: the folder cannot be read.
        """
        known, self.records = self.records, {}
        sizes = self.folder.sizes(PARTS)
        for number in range(shards):
            name = f"part-{number:06}.parquet"
            if name not in sizes:
                continue
            record = known.get(number) or self._record(f"{PARTS}/{name}")
            if record is None or record.dataset != self.id or not record.is_done:
                continue
            if not (retry_errors and record.tally.failed):
                self.records[number] = record
        return [number for number in range(shards) if number not in self.records]

    def _record(self, name: str) -> ShardRecord | None:
        with suppress(DataError), open_file(self.folder.path(name), in_a_row=False) as file:
            return read_record(file)
        return None

    def save(self, plan: Plan, run: Run, *, complete: bool) -> None:
        """Write the manifest.

        Raises:
            OutputError: it cannot be written.
        """
        tally = self.tally
        values = {
            "format": FORMAT,
            "id": self.id,
            "created": _clock(self._created),
            "state": "complete" if complete else "incomplete",
            "about": self.about,
            "plan": {"digest": plan.digest, "files": plan.counts, "shards": len(plan)},
            "counts": {
                "images": tally.images,
                "faces": tally.faces,
                "without_face": tally.without_face,
                "unsure": tally.unsure,
                "errors": tally.errors,
                "emotions": tally.emotions,
            },
            "runs": [*self._earlier, run.to_dict()],
            "shards": [],
        }
        head = json.dumps(values, indent=1)
        lines = (json.dumps(r.to_dict()) for _, r in sorted(self.records.items()))
        body = ",\n  ".join(lines)
        # A line for each shard: one object on many lines would be ten times as long.
        text = head.removesuffix("[]\n}") + ("[\n  " + body + "\n ]\n}\n" if body else "[]\n}\n")
        self.folder.write(MANIFEST, text.encode())

    def clear(self) -> None:
        """Remove what this and earlier runs have written.

        Raises:
            OutputError: a file cannot be removed.
        """
        for name in self.folder.sizes(PARTS):
            if name.startswith("part-") or is_part_name(name):
                self.folder.remove(f"{PARTS}/{name}")
        for name in (FEX, SUMMARY, PLAN, MANIFEST):  # the manifest last: it says that this was ours
            self.folder.remove(name)

    def remove_rests(self) -> None:
        """Remove what processes that were killed had begun to write."""
        for inside in ("", PARTS):
            for name in self.folder.sizes(inside):
                if is_part_name(name):
                    self.folder.remove(f"{inside}/{name}" if inside else name)


def is_foreign(folder: Folder) -> bool:
    """Whether a folder holds something, and it is not a data set of `mien batch`.

    Raises:
        OutputError: it is a file, or cannot be looked into.
    """
    if folder.is_empty() or folder.read(MANIFEST) is not None:
        return False
    if folder.scheme:
        return bool(set(folder.sizes()) - set(_OURS)) or bool(folder.sizes(PARTS))
    # Of a run that was killed before its manifest was there.
    names = {name for name in os.listdir(folder.name) if not is_part_name(name)}  # noqa: PTH208
    return bool(names - set(_OURS))


@contextmanager
def alone(folder: Folder) -> Iterator[None]:
    """Keep other runs on this machine away from a data set while the body works on it.

    Raises:
        OutputError: another run is at work in it, or it cannot be written to.
    """
    if folder.scheme or os.name == "nt":  # stores have no locks, and Windows locks otherwise
        yield
        return
    import fcntl

    path = Path(folder.path(_LOCK))
    with writing(folder.name):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            free = path.exists() and path.stat().st_ino == os.fstat(file.fileno()).st_ino
        except BlockingIOError:
            free = False
        except OSError:  # a network's file system without locks
            free = True
        if not free:
            raise OutputError(f"{folder.name}: another `mien batch` is at work in it")
        try:
            yield
        finally:
            with suppress(OSError):
                path.unlink()
                path.parent.rmdir()  # where nothing came of it


_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"


def _clock(seconds: float) -> str:
    return time.strftime(_TIME, time.gmtime(seconds))
