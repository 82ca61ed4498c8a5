"""Rows -> files: rows, summary, plot and report, as a video is read or from its rows alone."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Self

from mien.errors import DataError, needs_extra
from mien.labels import EMOTIONS
from mien.output.files import atomic_text, json_text, part_name
from mien.output.records import csv_header, csv_lines
from mien.readings import TrackedReading, TrackSummary
from mien.recognize.video.outputs import Outputs
from mien.recognize.video.report import EarlierReport, Images, Meetings, write_video_report
from mien.rows.events import EventFinder, EventSettings
from mien.rows.files import RowWriter, row_writer
from mien.rows.formats import FormatWriter, Media
from mien.rows.others import Tell
from mien.rows.people import Naming, Person
from mien.rows.statistics import EventTables
from mien.rows.table import BLOCK, VideoColumns, VideoResult, VideoRows
from mien.rows.timeline import Timeline, clock, plot_timeline
from mien.rows.totals import TrackTotals
from mien.rows.usable import UnusableTotals


class RowSink:
    """All outputs but the annotated copy, as rows come.

    Memory does not grow with them: only with the tracks, the stretches in which each is seen and
    the events, where events or a report are wanted, and the intervals of formats that have some.

        with RowSink(outputs, title="talk.mp4") as sink:
            for frame, readings in read:
                sink.write(frame.index, frame.time_s, readings)
            people = sink.write_sums(facts=..., images=..., settings=...)

    After an error the files of rows are left under their names of parts.

    Args:
        outputs: files to write.
        title: the name of the video.
        media: the video, for files of other tools; None where it is not at hand.
        named: the rows have names.
        movements: the rows tell facial movements.
        usable_only: all but the files of rows is made as if faces whose reading is not usable were
            not seen; those of which it is not known stay.
        keep_parts: otherwise nothing is left of files of rows after an error.

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
        title: str,
        media: Media | None = None,
        named: bool = False,
        movements: bool = False,
        usable_only: bool = False,
        keep_parts: bool = True,
    ) -> None:
        if outputs.plot is not None:
            with needs_extra("video", "a timeline"):  # before anything else takes time
                import matplotlib  # noqa: F401
        self._outputs, self._title, self._usable_only = outputs, title, usable_only
        self._keep_parts = keep_parts
        self._needs_events = outputs.need_events or outputs.report is not None
        self._totals = TrackTotals()
        self._timeline = Timeline()
        self._meetings = Meetings()
        self._columns = VideoColumns()  # that wait until they are counted together
        self._events = EventFinder(EventSettings(usable_only=usable_only))
        self._unusable = UnusableTotals()
        self._formats = FormatWriter(outputs.formats, media)
        self.frames = 0
        self.end_s: float | None = None
        self.until_s = 0.0
        self._rows: list[RowWriter] = []
        try:
            for path in (outputs.csv, outputs.jsonl, outputs.parquet):
                if path is not None:
                    self._rows.append(row_writer(path, named=named, movements=movements))
        except BaseException:
            self._abandon()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *raised: object) -> None:
        with ExitStack() as stack:
            stack.callback(self._abandon)
            if kind is None:
                self.finish()
                stack.pop_all()

    def finish(self) -> None:
        """End the files of rows, and give them their names."""
        for writer in self._rows:
            writer.finish()

    def _abandon(self) -> None:
        self._formats.abandon()
        for writer in self._rows:
            writer.abandon()
            if not self._keep_parts:
                with suppress(OSError):
                    part_name(writer.path).unlink(missing_ok=True)

    def write(self, frame: int, time_s: float, readings: Sequence[TrackedReading]) -> None:
        """Add one frame, with a face or without."""
        self._write(frame, time_s, readings)
        if self._outputs.formats or self._needs_events:
            self._columns.add(frame, time_s, readings)
            if len(self._columns) >= BLOCK:
                self._count(self._columns.take(self._title))

    def write_block(self, rows: VideoResult) -> None:
        """Add the frames of rows that are columns already, with the names of all tracks."""
        for found in rows.by_frame():
            self._write(found.frame, found.time_s, found.readings)
        self._count(replace(rows, source=self._title))

    def _write(self, frame: int, time_s: float, readings: Sequence[TrackedReading]) -> None:
        for writer in self._rows:
            writer.write(frame, time_s, readings)
        counted = [r for r in readings if r.usable] if self._usable_only else readings
        self._totals.add(time_s, counted)
        if self._outputs.plot is not None or self._outputs.report is not None:
            self._timeline.add(time_s, counted)
        if self._outputs.report is not None:
            self._meetings.add(time_s, readings)
        self.frames += 1
        self.until_s = time_s + (0.0 if self.end_s is None else time_s - self.end_s)
        self.end_s = time_s

    def _count(self, rows: VideoResult) -> None:
        """Add the same frames to what is made of columns."""
        if self._needs_events:
            self._events.add(rows)
        if self._outputs.report is not None:
            self._unusable.add(rows)
        if self._outputs.formats:
            self._formats.add(rows.usable() if self._usable_only else rows)

    def write_sums(
        self,
        *,
        facts: Mapping[str, str],
        images: Images,
        settings: Mapping[str, str],
        rows: Path | None = None,
        media: Media | None = None,
        until_s: float | None = None,
    ) -> tuple[TrackSummary, ...]:
        """Write all that is made of all rows; gives what each person shows.

        Args:
            facts: of the video, for the report, as what follows.
            images: of the people.
            settings: how it was read.
            rows: from which the report can be written anew; None takes those that are written.
            media: the video, where more is known of it by now.
            until_s: when the last frame ends; None: it takes as long as the one before.
        """
        self._timeline.until_s = until_s
        people = tuple(self._totals.summary(until_s))
        outputs = self._outputs
        if outputs.summary is not None:
            _write_summary(outputs.summary, people)
        if len(self._columns):
            self._count(self._columns.take(self._title))
        self._formats.finish(media, until_s)
        tables = EventTables.found_by(self._events, until_s=until_s)
        tables.write(events=outputs.events, statistics=outputs.statistics, dyads=outputs.dyads)
        if outputs.plot is not None:
            events = tables.events if outputs.need_events else []
            plot_timeline(self._timeline, outputs.plot, title=self._title, events=events)
        if outputs.report is not None:
            write_video_report(
                outputs.report,
                title=self._title,
                facts=facts,
                people=people,
                timeline=self._timeline,
                images=images,
                settings=settings,
                tables=tables,
                unusable=self._unusable,
                usable_only=self._usable_only,
                meetings=self._meetings,
                rows=outputs.csv or outputs.jsonl or outputs.parquet or rows,
            )
        return people


def write_rows(
    result: VideoRows,
    outputs: Outputs,
    people: Sequence[Person] = (),
    *,
    usable_only: bool = False,
    earlier: EarlierReport | None = None,
    notes: Mapping[str, str] | None = None,
    tell: Tell | None = None,
    until_s: float | None = None,
) -> tuple[TrackSummary, ...]:
    """Write the outputs of a video anew from its rows; the video is not read.

    Args:
        result: the rows, at hand or in a file.
        outputs: files to write; there can be no annotated copy.
        people: names for the tracks, and which are merged and excluded.
        usable_only: see `RowSink`.
        earlier: a report of the same video, whose images and settings a new one takes. Without it
            the page has no images.
        notes: what else the report says of how it was made, by name.
        tell: is told how many readings are not usable, and why, where they are left out.
        until_s: when the last frame ends; None: it takes as long as the one before.
    Returns:
        What each person shows.
    Raises:
        DataError: `people` do not fit the rows, or `earlier` is of another video.
        OutputError: a file cannot be written, or `result` not read. Nothing is left of files that
            are not finished.
        MissingExtraError: an output needs a package that is not installed.
    """
    if earlier is not None and earlier.frames != result.facts.frames:
        raise DataError(
            f"{earlier.path}: expected a report of the same video, of {result.facts.frames:,} "
            f"frames; it is of {earlier.frames:,}"
        )
    naming = Naming(result, people) if people or result.names else None
    unusable = UnusableTotals()
    outputs.make_folders()
    with RowSink(
        outputs,
        title=Path(result.source).stem if earlier is None else earlier.title,
        named=naming is not None,
        movements=result.has_movements,
        usable_only=usable_only,
        keep_parts=False,
    ) as sink:
        first_s: float | None = None
        for rows in result.blocks():
            first_s = float(rows.times_s[0]) if first_s is None else first_s
            if usable_only and tell is not None:
                unusable.add(rows)
            sink.write_block(rows if naming is None else naming.apply(rows))
        if tell is not None and (sentence := unusable.sentence()):
            tell(sentence)
        facts = {
            "length": clock((until_s or sink.until_s) - (first_s or 0.0), fine=True),
            "frames read": f"{sink.frames:,}",
        }
        images = Images() if earlier is None else earlier.images
        return sink.write_sums(
            facts=facts if earlier is None else earlier.facts,
            images=images if naming is None else images.merged(naming.numbers),
            settings={**({} if earlier is None else earlier.made), **(notes or {})},
            rows=Path(result.source),
            until_s=until_s,
        )


def _write_summary(path: Path, people: Sequence[TrackSummary]) -> None:
    with atomic_text(path) as file:
        if path.suffix.lower() == ".json":
            file.write(json_text([person.to_dict() for person in people], indent=2) + "\n")
            return
        left_out = ["shares", "means"] + ["name"] * (not any(person.name for person in people))
        columns = [field.name for field in fields(TrackSummary) if field.name not in left_out]
        columns += [f"{kind}_{label}" for kind in ("share", "mean") for label in EMOTIONS]
        rows = [
            vars(person)
            | {f"share_{label}": share for label, share in person.shares.items()}
            | {f"mean_{label}": mean for label, mean in person.means.items()}
            for person in people
        ]
        file.write(csv_header(columns) + csv_lines(columns, rows))
