"""BORIS: a project (`.boris`), or a sheet of events (`.xlsx`) for an observation open there.

BORIS imports observations from these two kinds of files, and from no tab-separated ones
(`boris/import_observations.py` of BORIS 8 and 9). An interval is a state event: one event starts
it, and one of the same code ends it.
"""

import json
import zipfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import escape

from mien.labels import COLORS, EMOTIONS
from mien.output.files import atomic_write, write_text
from mien.readings import UNSURE
from mien.rows.formats.intervals import Annotation, Media

SHEET_COLUMNS: Final = ("time", "subject", "code", "modifier", "comment")
"""That BORIS asks for in the first line of a sheet."""

_PROJECT_VERSION: Final = "7.0"  # of the format; BORIS 7 to 9 write it
_KEYS: Final = dict(zip((*EMOTIONS, UNSURE), "adfhsunx", strict=True))
_NOT_AVAILABLE: Final = "NA"
_GRAY: Final = (190, 190, 190)


def write_boris(found: Annotation, path: Path, media: Media) -> None:
    """Write a project with one observation, or a sheet of events where the name ends in `.xlsx`.

    A project links to the video; without one its observation is called live.
    """
    if path.suffix.lower() == ".xlsx":
        _write_sheet(path, _events(found))
    else:  # ASCII, because BORIS opens its projects in the encoding of the system
        write_text(path, json.dumps(_project(found, path, media), indent=1) + "\n")


def _events(found: Annotation) -> list[list[Any]]:
    """Time, subject, code, modifier and comment of each; ends before starts of the same time."""
    events = [
        (time_s, start, who, one.label)
        for who, one in found.in_order
        for start, time_s in enumerate((one.end_s, one.start_s))
    ]
    events.sort(key=lambda event: event[:2])
    # BORIS keeps milliseconds.
    return [[round(time_s, 3), who, label, "", ""] for time_s, _, who, label in events]


def _project(found: Annotation, path: Path, media: Media) -> dict[str, Any]:
    now = datetime.now().isoformat(timespec="seconds")
    behaviors = [_behavior(label, found.labels) for label in found.labels]
    subjects = [{"key": "", "name": who, "description": ""} for who in found.people]
    name = path.stem if media.path is None else media.path.stem
    return {
        "time_format": "hh:mm:ss",
        "project_date": now,
        "project_name": name,
        "project_description": "emotions that mien read",
        "project_format_version": _PROJECT_VERSION,
        "subjects_conf": {str(number): one for number, one in enumerate(subjects)},
        "behaviors_conf": {str(number): one for number, one in enumerate(behaviors)},
        "observations": {name: _observation(_events(found), path, media, now)},
        "behavioral_categories": [],
        "independent_variables": {},
        "coding_map": {},
        "behaviors_coding_map": [],
        "converters": {},
    }


def _behavior(label: str, labels: Sequence[str]) -> dict[str, str]:
    red, green, blue = COLORS.get(label, _GRAY)
    return {
        "type": "State event",
        "key": _KEYS[label],
        "code": label,
        "description": "",
        "color": f"#{red:02x}{green:02x}{blue:02x}",
        "category": "",
        "modifiers": "",
        "excluded": ",".join(other for other in labels if other != label),
        "coding map": "",
    }


def _observation(events: list[list[Any]], path: Path, media: Media, date: str) -> dict[str, Any]:
    observation: dict[str, Any] = {
        "type": "LIVE",
        "date": date,
        "description": "",
        "time offset": 0.0,
        "observation time interval": [0, 0],
        "independent_variables": {},
        "events": events,
        "file": {},
        "visualize_spectrogram": False,
        "visualize_waveform": False,
        "media_creation_date_as_offset": False,
        "media_scan_sampling_duration": 0,
        "image_display_duration": 1,
        "close_behaviors_between_videos": False,
        "scan_sampling_time": 0,
        "start_from_current_time": False,
        "start_from_current_epoch_time": False,
    }
    if media.path is None:
        return observation
    # BORIS looks from the folder of the project, too.
    video = media.relative_to(path) or str(media.path.resolve())
    return observation | {
        "type": "MEDIA",
        "events": [[*event, _NOT_AVAILABLE] for event in events],  # of the frame's number
        "file": {"1": [video], **{str(player): [] for player in range(2, 9)}},
        "media_info": {
            "length": {video: media.length_s or 0.0},
            "fps": {video: media.frame_rate or 0.0},
            "hasVideo": {video: True},
            "hasAudio": {video: False},
            "offset": {"1": 0.0},
        },
    }


_SCHEMAS: Final = "http://schemas.openxmlformats.org"
_RELATIONS: Final = f"{_SCHEMAS}/officeDocument/2006/relationships"
_OF_A_BOOK: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml"


def _related(target: str, kind: str) -> str:
    return f"""\
<Relationships xmlns="{_SCHEMAS}/package/2006/relationships">
<Relationship Id="rId1" Target="{target}" Type="{_RELATIONS}/{kind}"/>
</Relationships>"""


_SHEET_FILES: Final = {
    "[Content_Types].xml": f"""\
<Types xmlns="{_SCHEMAS}/package/2006/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Override PartName="/xl/workbook.xml" ContentType="{_OF_A_BOOK}.sheet.main+xml"/>
<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_OF_A_BOOK}.worksheet+xml"/>
</Types>""",
    "_rels/.rels": _related("xl/workbook.xml", "officeDocument"),
    "xl/workbook.xml": f"""\
<workbook xmlns="{_SCHEMAS}/spreadsheetml/2006/main" xmlns:r="{_RELATIONS}">
<sheets><sheet name="events" sheetId="1" r:id="rId1"/></sheets>
</workbook>""",
    "xl/_rels/workbook.xml.rels": _related("worksheets/sheet1.xml", "worksheet"),
}
"""What a workbook of one sheet has beside it (ECMA-376, part 1)."""


def _write_sheet(path: Path, events: Sequence[Sequence[Any]]) -> None:
    lines = "".join(
        f"<row>{''.join(map(_cell, line))}</row>\n" for line in (SHEET_COLUMNS, *events)
    )
    sheet = (
        f'<worksheet xmlns="{_SCHEMAS}/spreadsheetml/2006/main">\n'
        f"<sheetData>\n{lines}</sheetData>\n</worksheet>"
    )
    with (
        atomic_write(path) as part,
        zipfile.ZipFile(part, "w", compression=zipfile.ZIP_DEFLATED) as book,
    ):
        for name, text in (_SHEET_FILES | {"xl/worksheets/sheet1.xml": sheet}).items():
            book.writestr(name, f'<?xml version="1.0" encoding="UTF-8"?>\n{text}')


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"<c><v>{value!r}</v></c>"
    return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'
