"""Praat's `.TextGrid`: an interval tier for each person.

The format: https://www.fon.hum.uva.nl/praat/manual/TextGrid_file_formats.html
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from mien.output.files import atomic_text
from mien.rows.formats.intervals import Annotation, Interval, Media

NO_FACES: Final = "no faces"
"""The tier of a video without a face: Praat has no grid without tiers."""


def write_textgrid(found: Annotation, path: Path, media: Media) -> None:
    """Write an interval tier for each person, each from 0 to the end of the video.

    Where a person's face is not there, the interval is empty.
    """
    tiers: dict[str, list[Interval]] = found.people or {NO_FACES: []}
    end = _time(found.length_s)
    with atomic_text(path) as file:
        file.write('File type = "ooTextFile"\nObject class = "TextGrid"\n\n')
        file.write(f"xmin = 0\nxmax = {end}\ntiers? <exists>\n")
        file.write(f"size = {len(tiers)}\nitem []:\n")
        for number, (who, intervals) in enumerate(tiers.items(), start=1):
            filled = list(_without_gaps(intervals, found.length_s))
            file.write(f'    item [{number}]:\n        class = "IntervalTier"\n')
            file.write(f"        name = {_quoted(who)}\n")
            file.write(f"        xmin = 0\n        xmax = {end}\n")
            file.write(f"        intervals: size = {len(filled)}\n")
            for place, one in enumerate(filled, start=1):
                file.write(f"        intervals [{place}]:\n")
                file.write(f"            xmin = {_time(one.start_s)}\n")
                file.write(f"            xmax = {_time(one.end_s)}\n")
                file.write(f"            text = {_quoted(one.label)}\n")


def _without_gaps(intervals: Sequence[Interval], length_s: float) -> Iterator[Interval]:
    """The intervals, and empty ones wherever there are none."""
    reached_s = 0.0
    for one in (*intervals, Interval(length_s, length_s, "")):
        if one.start_s > reached_s:
            yield Interval(reached_s, one.start_s, "")
        if one.end_s > one.start_s:
            yield one
        reached_s = one.end_s


def _time(seconds: float) -> str:
    """The same digits wherever the same time stands: neighbors meet exactly."""
    return f"{seconds:.6f}".rstrip("0").rstrip(".")


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
