"""Files of human coders, as their programs write them, and rows to hold beside them."""

from collections.abc import Iterable
from pathlib import Path

import made_up_rows
from fakes import a_tracked_reading
from made_up_rows import frames_of

Stretches = Iterable[tuple[float, float, str]]
"""Start, end and label of each, in seconds."""

CODED = ((0.0, 4.0, "happy"), (4.0, 7.0, "neutral"), (7.0, 10.0, "sad"))


def write_table(path: Path, stretches: Stretches = CODED) -> Path:
    """A CSV file with start, end and label."""
    lines = [f"{start_s},{end_s},{label}" for start_s, end_s, label in stretches]
    path.write_text("\n".join(["start,end,label", *lines, ""]), encoding="utf-8")
    return path


def write_eaf(path: Path, origin_ms: int | None = None, **tiers: Stretches) -> Path:
    """What ELAN 6 writes; `origin_ms` is where in the video its time begins."""
    slots: list[str] = []
    texts: list[str] = []
    for name, stretches in tiers.items():
        annotations = ""
        for start_s, end_s, label in stretches:
            first = len(slots) + 1
            slots += [
                f'<TIME_SLOT TIME_SLOT_ID="ts{first + i}" TIME_VALUE="{round(time_s * 1000)}"/>'
                for i, time_s in enumerate((start_s, end_s))
            ]
            annotations += (
                f'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a{first}" '
                f'TIME_SLOT_REF1="ts{first}" TIME_SLOT_REF2="ts{first + 1}">'
                f"<ANNOTATION_VALUE>{label}</ANNOTATION_VALUE>"
                "</ALIGNABLE_ANNOTATION></ANNOTATION>"
            )
        texts.append(
            f'<TIER LINGUISTIC_TYPE_REF="default-lt" TIER_ID="{name}">{annotations}</TIER>'
        )
    origin = "" if origin_ms is None else f' TIME_ORIGIN="{origin_ms}"'
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<ANNOTATION_DOCUMENT AUTHOR="" DATE="2024-01-01T10:00:00+01:00" FORMAT="3.0" '
        'VERSION="3.0" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        'xsi:noNamespaceSchemaLocation="http://www.mpi.nl/tools/elan/EAFv3.0.xsd">\n'
        '<HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">'
        f'<MEDIA_DESCRIPTOR MEDIA_URL="file:///talk.mp4" MIME_TYPE="video/mp4"{origin}/></HEADER>\n'
        f"<TIME_ORDER>{''.join(slots)}</TIME_ORDER>\n{''.join(texts)}\n"
        '<LINGUISTIC_TYPE GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="default-lt" '
        'TIME_ALIGNABLE="true"/>\n</ANNOTATION_DOCUMENT>\n',
        encoding="utf-8",
    )
    return path


LONG_TEXTGRID = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 10
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "anna"
        xmin = 0
        xmax = 10
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 4
            text = "happy"
        intervals [2]:
            xmin = 4
            xmax = 7.5
            text = ""
        intervals [3]:
            xmin = 7.5
            xmax = 10
            text = "sad" ! "really" 3
    item [2]:
        class = "TextTier"
        name = "blinks"
        xmin = 0
        xmax = 10
        points: size = 1
        points [1]:
            number = 3.5
            mark = "x"
"""

SHORT_TEXTGRID = """File type = "ooTextFile"
Object class = "TextGrid"

0
10
<exists>
2
"IntervalTier"
"anna"
0
10
3
0
4
"happy"
4
7.5
""
7.5
10
"sad"
"TextTier"
"blinks"
0
10
1
3.5
"x"
"""

BORIS_EVENTS = """Observation id\tObservation date\tDescription\tObservation duration\t\
Observation type\tSource\tTime offset (s)\tMedia duration (s)\tFPS\tSubject\tBehavior\t\
Behavioral category\tBehavior type\tTime\tMedia file name\tImage index\tImage file path\tComment
talk\t2024-01-01 10:00:00\t\t10.000\tMedia file(s)\tplayer #1:talk.mp4\tNA\t10.000\t25.000\t\
anna\thappy\t\tSTART\t0.000\ttalk.mp4\t0\t\t
talk\t2024-01-01 10:00:00\t\t10.000\tMedia file(s)\tplayer #1:talk.mp4\tNA\t10.000\t25.000\t\
anna\thappy\t\tSTOP\t4.000\ttalk.mp4\t100\t\t
talk\t2024-01-01 10:00:00\t\t10.000\tMedia file(s)\tplayer #1:talk.mp4\tNA\t10.000\t25.000\t\
anna\tsad\t\tSTART\t7.500\ttalk.mp4\t187\t\t
"""

BORIS_OLD_EVENTS = """Observation id\ttalk\t\t\t\t\t\t\t
\t\t\t\t\t\t\t\t
Time offset (s)\t0.0\t\t\t\t\t\t\t
\t\t\t\t\t\t\t\t
Time\tMedia file path\tTotal length\tFPS\tSubject\tBehavior\tBehavioral category\tComment\tStatus
0.000\ttalk.mp4\t10.000\t25.0\tanna\thappy\t\t\tSTART
4.000\ttalk.mp4\t10.000\t25.0\tanna\thappy\t\t\tSTOP
7.500\ttalk.mp4\t10.000\t25.0\tanna\tsad\t\t\tSTART
10.000\ttalk.mp4\t10.000\t25.0\tanna\tsad\t\t\tSTOP
"""

BORIS_AGGREGATED = """Observation id\tMedia file\tTotal length\tFPS\tSubject\tBehavior\t\
Behavioral category\tModifiers\tBehavior type\tStart (s)\tStop (s)\tDuration (s)\tComment start
talk\ttalk.mp4\t10.000\t25.0\tanna\thappy\t\t\tSTATE\t0.000\t4.000\t4.000\t
talk\ttalk.mp4\t10.000\t25.0\tanna\tsad\t\t\tSTATE\t7.500\t10.000\t2.500\t
"""


def write_rows(path: Path, *tracks: Stretches, fps: int = 10, length_s: float = 10.0) -> Path:
    """Rows of a video in which track 1, 2, ... show what their stretches say."""
    faces = [
        [
            a_tracked_reading(number, label)
            for number, stretches in enumerate(tracks, start=1)
            for start_s, end_s, label in stretches
            if start_s <= frame / fps < end_s
        ]
        for frame in range(round(length_s * fps))
    ]
    return made_up_rows.write_rows(path, frames_of(faces, fps=fps))
