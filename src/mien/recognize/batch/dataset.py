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
import time
import uuid
from calendar import timegm
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Any, Final, Self

from mien.errors import DataError, OutputError
from mien.output.files import LOCK, is_part_name, json_text
from mien.output.files import alone as alone_in
from mien.recognize.batch.plan import Plan, part_of
from mien.recognize.batch.records import ShardRecord, Tally
from mien.recognize.batch.storage import Folder, open_file
from mien.recognize.batch.work import PARTS, RECORD_KEY

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
PLAN: Final = "plan.jsonl.gz"
SUMMARY: Final = "summary.html"
FEX: Final = "rows.fex.csv"

_OURS: Final = (MANIFEST, PLAN, SUMMARY, FEX, LOCK)


class Dataset:
    """A data set that is worked on.

    What cannot be read or written of it is an OutputError.

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
        """The data set in a folder, without its records; None where there is none."""
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
        """Refuse to go on with other settings than it was begun with; says what differs."""
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
        """Look at the parts that are there: `records` are then theirs.

        Gives the numbers of the shards that are missing; to `retry_errors` those with errors, too.
        """
        known, self.records = self.records, {}
        there = set(self.folder.names(PARTS))
        for number in range(shards):
            name = part_of(number)
            record = (known.get(number) or self._record(name)) if name in there else None
            if record is None or record.dataset != self.id or not record.is_done:
                continue
            if not (retry_errors and record.tally.failed):
                self.records[number] = record
        return [number for number in range(shards) if number not in self.records]

    def _record(self, name: str) -> ShardRecord | None:
        """The record in the metadata of a part; None where there is none, or it is damaged."""
        import pyarrow
        import pyarrow.parquet

        unreadable = (DataError, pyarrow.ArrowException, OSError, ValueError, KeyError, TypeError)
        part = self.folder.path(f"{PARTS}/{name}")
        with suppress(*unreadable), open_file(part, in_a_row=False) as file:
            metadata = pyarrow.parquet.read_metadata(file).metadata or {}
            return ShardRecord.from_dict(json.loads(metadata[RECORD_KEY]))
        return None

    def save(self, plan: Plan, run: Mapping[str, Any], *, complete: bool) -> None:
        """Write the manifest; `run` tells of this start of the command."""
        counts = vars(self.tally)
        names = ("images", "faces", "without_face", "unsure", "errors", "emotions")
        values = {
            "format": FORMAT,
            "id": self.id,
            "created": clock(self._created),
            "state": "complete" if complete else "incomplete",
            "about": self.about,
            "plan": {"digest": plan.digest, "files": plan.counts, "shards": len(plan)},
            "counts": {name: counts[name] for name in names},
            "runs": [*self._earlier, run],
            "shards": [],
        }
        head = json_text(values, indent=1)
        lines = (json_text(r.to_dict()) for _, r in sorted(self.records.items()))
        body = ",\n  ".join(lines)
        # A line for each shard: one object on many lines would be ten times as long.
        text = head.removesuffix("[]\n}") + ("[\n  " + body + "\n ]\n}\n" if body else "[]\n}\n")
        self.folder.write(MANIFEST, text.encode())

    def write_fex(self) -> str:
        """Write all rows as one file for py-feat, and give its full name."""
        from mien.rows.formats.fex import write_image_fex  # workers need no tables
        from mien.rows.images import ImageFaces, image_rows_of_parquet

        def images() -> Iterator[ImageFaces]:
            for number in sorted(self.records):
                name = self.folder.path(f"{PARTS}/{part_of(number)}")
                with open_file(name, in_a_row=False) as file:
                    yield from image_rows_of_parquet(file, name)

        with self.folder.new_file(FEX) as path:
            write_image_fex(images(), path)
        return self.folder.path(FEX)

    def clear(self) -> None:
        """Remove what this and earlier runs have written."""
        self.remove_rests()
        for name in self.folder.names(PARTS):
            if name.startswith("part-"):
                self.folder.remove(f"{PARTS}/{name}")
        for name in (FEX, SUMMARY, PLAN, MANIFEST):  # the manifest last: it says that this was ours
            self.folder.remove(name)

    def remove_rests(self) -> None:
        """Remove what processes that were killed had begun to write."""
        for inside in ("", f"{PARTS}/"):
            for name in filter(is_part_name, self.folder.names(inside)):
                self.folder.remove(inside + name)


def own_folder(name: str) -> Folder:
    """The folder of a data set, which holds nothing else; an OutputError where it does."""
    if not name:  # which would be the folder that one is in
        raise OutputError("expected a folder to write into; got an empty name")
    folder = Folder(name)
    # A run that was killed before its manifest was there leaves some of ours.
    names = {inside for inside in folder.names() if not is_part_name(inside)}
    if names - set(_OURS) and folder.read(MANIFEST) is None:
        raise OutputError(
            f"{folder.name}: expected an empty folder, or a data set of `mien batch`; it holds "
            f"something else, and no {MANIFEST}"
        )
    return folder


def alone(folder: Folder) -> AbstractContextManager[None]:
    """Keep other runs on this machine away from a data set while the body works on it.

    Raises:
        OutputError: another run is at work in it, or it cannot be written to.
    """
    if folder.scheme:  # stores have no locks
        return nullcontext()
    return alone_in(Path(folder.name), "mien batch")


_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"


def clock(seconds: float) -> str:
    """A time, in seconds since 1970, as the manifest tells it."""
    return time.strftime(_TIME, time.gmtime(seconds))
