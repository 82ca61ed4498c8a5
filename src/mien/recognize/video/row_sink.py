"""Rows -> files: rows, summary, plot and report, as a video is read or from its rows alone."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from mien.errors import DataError, MissingExtraError
from mien.labels import EMOTIONS
from mien.output.files import atomic_text
from mien.readings import TrackedReading, TrackSummary
from mien.recognize.video.outputs import Outputs
from mien.recognize.video.report import EarlierReport, Images, Meetings, write_video_report
from mien.rows.files import RowWriter, row_writer
from mien.rows.formats import Media, write_format
from mien.rows.people import Person, apply, merged_numbers
from mien.rows.statistics import EventTables
from mien.rows.table import VideoColumns, VideoResult
from mien.rows.timeline import Timeline, clock, plot_timeline
from mien.rows.totals import TrackTotals


class RowSink:
    """All outputs but the annotated copy, as rows come.

    Memory does not grow with them, but for events, a report and files of other tools, which take
    some 180 bytes for each face of each frame.

        sink = RowSink(outputs)
        for frame, readings in read:
            sink.write(frame.index, frame.time_s, readings)
        people = sink.write_sums(title=..., facts=..., images=..., settings=...)
        sink.finish()

    Args:
        outputs: files to write.
        movements: the rows tell facial movements.
        result: all rows, where they are at hand; else what needs all of them gathers them.
        usable_only: all but the files of rows is made as if faces whose reading is not usable were
            not seen; those of which it is not known stay.

    Attributes:
        frames: how many came.
        end_s: the time of the last one; None if there was none.
        until_s: when the last frame ends, if it takes as long as the one before.

    Raises:
        OutputError: a file cannot be written.
        MissingExtraError: an output needs a package that is not installed.
    """

    def __init__(
        self,
        outputs: Outputs,
        *,
        movements: bool = False,
        result: VideoResult | None = None,
        usable_only: bool = False,
    ) -> None:
        _need_matplotlib(outputs)
        self._outputs, self._usable_only = outputs, usable_only
        self._totals = TrackTotals()
        self._timeline = Timeline()
        self._meetings = Meetings()
        self._result = result
        self._columns = VideoColumns() if outputs.need_columns and result is None else None
        named = result is not None and bool(result.names)
        self.frames = 0
        self.end_s: float | None = None
        self.until_s = 0.0
        self._rows: list[RowWriter] = []
        try:
            for path in (outputs.csv, outputs.jsonl, outputs.parquet):
                if path is not None:
                    self._rows.append(row_writer(path, named=named, movements=movements))
        except BaseException:
            self.abandon()
            raise

    def write(self, frame: int, time_s: float, readings: Sequence[TrackedReading]) -> None:
        """Add one frame, with a face or without."""
        for writer in self._rows:
            writer.write(frame, time_s, readings)
        counted = [r for r in readings if r.usable] if self._usable_only else readings
        self._totals.add(time_s, counted)
        if self._outputs.plot is not None or self._outputs.report is not None:
            self._timeline.add(time_s, counted)
        if self._outputs.report is not None:
            self._meetings.add(time_s, readings)
        if self._columns is not None:
            self._columns.add(frame, time_s, readings)
        self.frames += 1
        self.until_s = time_s + (0.0 if self.end_s is None else time_s - self.end_s)
        self.end_s = time_s

    def write_sums(
        self,
        *,
        title: str,
        facts: Mapping[str, str],
        images: Images,
        settings: Mapping[str, str],
        rows: Path | None = None,
        media: Media | None = None,
    ) -> tuple[TrackSummary, ...]:
        """Write summary, plot and report; gives what each person shows.

        Args:
            title: the name of the video.
            facts: of the video, for the report, as what follows.
            images: of the people.
            settings: how it was read.
            rows: from which the report can be written anew; None takes those that are written.
            media: the video, for files of other tools; None where it is not at hand.
        """
        people = tuple(self._totals.summary())
        outputs = self._outputs
        if outputs.summary is not None:
            _write_summary(outputs.summary, people)
        result = self._result if self._columns is None else self._columns.result(title)
        tables = None
        if result is not None:
            tables = self._write_tables(replace(result, source=title), media or Media())
        if outputs.plot is not None:
            events = [] if tables is None else tables.events
            plot_timeline(self._timeline, outputs.plot, title=title, events=events)
        if outputs.report is not None:
            write_video_report(
                outputs.report,
                title=title,
                facts=facts,
                people=people,
                timeline=self._timeline,
                images=images,
                settings=settings,
                result=result,
                tables=tables,
                usable_only=self._usable_only,
                meetings=self._meetings,
                rows=outputs.csv or outputs.jsonl or outputs.parquet or rows,
            )
        return people

    def _write_tables(self, result: VideoResult, media: Media) -> EventTables | None:
        """Write what is made of all rows; gives the events, if they are asked for."""
        outputs = self._outputs
        if self._usable_only:
            result = result.usable()
        if self.frames:
            for name, path in outputs.formats.items():
                write_format(result, name, path, media)
        if not outputs.need_events:
            return None
        tables = EventTables.of(result)
        tables.write(events=outputs.events, statistics=outputs.statistics, dyads=outputs.dyads)
        return tables

    def finish(self) -> None:
        """End the files of rows, and give them their names."""
        for writer in self._rows:
            writer.finish()

    def abandon(self) -> None:
        """End the files of rows, and leave them under their names of parts."""
        for writer in self._rows:
            writer.abandon()


def write_rows(
    result: VideoResult,
    outputs: Outputs,
    people: Sequence[Person] = (),
    *,
    usable_only: bool = False,
    earlier: EarlierReport | None = None,
    notes: Mapping[str, str] | None = None,
) -> tuple[TrackSummary, ...]:
    """Write the outputs of a video anew from its rows; the video is not read.

    Args:
        result: the rows.
        outputs: files to write; there can be no annotated copy.
        people: names for the tracks, and which are merged and excluded.
        usable_only: see `RowSink`.
        earlier: a report of the same video, whose images and settings a new one takes. Without it
            the page has no images.
        notes: what else the report says of how it was made, by name.
    Returns:
        What each person shows.
    Raises:
        DataError: `people` do not fit the rows, or `earlier` is of another video.
        OutputError: a file cannot be written.
        MissingExtraError: an output needs a package that is not installed.
    """
    if earlier is not None and earlier.frames != len(result.frames):
        raise DataError(
            f"{earlier.path}: expected a report of the same video, of {len(result.frames):,} "
            f"frames; it is of {earlier.frames:,}"
        )
    images = Images() if earlier is None else earlier.images
    named = result
    if people:
        named = apply(result, people)
        images = images.merged(merged_numbers(result, people))
    outputs.make_folders()
    moving = named.movements is not None
    sink = RowSink(outputs, movements=moving, result=named, usable_only=usable_only)
    try:
        for row in named.by_frame():
            sink.write(row.frame, row.time_s, row.readings)
        facts = {
            "length": clock(sink.until_s - float(result.times_s[0]), fine=True),
            "frames read": f"{sink.frames:,}",
        }
        shown = sink.write_sums(
            title=Path(result.source).stem if earlier is None else earlier.title,
            facts=facts if earlier is None else earlier.facts,
            images=images,
            settings={**({} if earlier is None else earlier.made), **(notes or {})},
            rows=Path(result.source),
        )
        sink.finish()
    except BaseException:
        sink.abandon()
        raise
    return shown


def _need_matplotlib(outputs: Outputs) -> None:
    """Raise the error that names the extra before anything else takes time."""
    if outputs.plot is None:
        return
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("a timeline", "video", error) from error


def _write_summary(path: Path, people: Sequence[TrackSummary]) -> None:
    named = any(person.name for person in people)
    with atomic_text(path) as file:
        if path.suffix.lower() == ".json":
            json.dump([person.to_dict() for person in people], file, indent=2)
            file.write("\n")
            return
        own = [
            field.name
            for field in fields(TrackSummary)
            if field.name not in ("shares", "means") and (named or field.name != "name")
        ]
        columns = own + [f"{kind}_{label}" for kind in ("share", "mean") for label in EMOTIONS]
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        for person in people:
            row: dict[str, Any] = {name: getattr(person, name) for name in own}
            row |= {f"share_{label}": share for label, share in person.shares.items()}
            row |= {f"mean_{label}": mean for label, mean in person.means.items()}
            writer.writerow(row)
