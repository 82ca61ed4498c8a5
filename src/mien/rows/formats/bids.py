"""BIDS: `_events.tsv`, and its sidecar `_events.json`, which says what each column means.

BIDS 1.11, https://bids-specification.readthedocs.io/en/stable/modality-agnostic-files/events.html
"""

import json
from pathlib import Path
from typing import Any, Final

from mien.output.files import write_text
from mien.rows.formats.intervals import Annotation, Media, meaning_of

COLUMNS: Final = ("onset", "duration", "trial_type", "person")


def sidecar(path: Path) -> Path:
    """The JSON file that belongs to a table of events."""
    return path.with_suffix(".json")


def write_bids(found: Annotation, path: Path, media: Media) -> None:
    """Write an event for each interval, by their start, and the sidecar beside it.

    Every row has all its cells: where there is no face, there is no event.
    """
    rows = [
        f"{one.start_s:.6f}\t{one.end_s - one.start_s:.6f}\t{one.label}\t{who}\n"
        for who, one in found.in_order
    ]
    write_text(path, "\t".join(COLUMNS) + "\n" + "".join(rows))
    columns: dict[str, dict[str, Any]] = {
        "onset": {
            "Description": "First frame of the interval, from the start of the video.",
            "Units": "s",
        },
        "duration": {
            "Description": "Until the next frame that shows another label, or no face.",
            "Units": "s",
        },
        "trial_type": {
            "LongName": "Emotion",
            "Description": "The label that mien gives the face, smoothed over time.",
            "Levels": {label: meaning_of(label) for label in found.labels},
        },
        "person": {
            "LongName": "Person",
            "Description": "Whose face it is.",
            "Levels": dict.fromkeys(found.people, "a person in the video"),
        },
    }
    write_text(sidecar(path), json.dumps(columns, indent=2) + "\n")
