"""ELAN's `.eaf`, EAF 3.0: a tier for each person.

Its schema is http://www.mpi.nl/tools/elan/EAFv3.0.xsd.
"""

from datetime import datetime
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from mien.output.files import write_text
from mien.rows.formats.intervals import Annotation, Media, meaning_of

_TYPE: Final = "emotion"
_LANGUAGE: Final = "eng"
_SCHEMA: Final = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
_XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"

MIME_TYPES: Final = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".mpg": "video/mpeg",
    ".mpeg": "video/mpeg",
    ".mkv": "video/x-matroska",
    ".webm": "video/webm",
    ".avi": "video/x-msvideo",
    ".wmv": "video/x-ms-wmv",
}
"""Of the files that ELAN plays; `video/*` is its own word for others."""


def write_eaf(found: Annotation, path: Path, media: Media) -> None:
    """Write a tier for each person, with a controlled vocabulary of the labels.

    Times are whole milliseconds, as the format has them. Where nobody's face is there, nothing is
    annotated; a video without a face has no tiers. The video is linked, by its path and by the path
    from the folder of `path`.
    """
    document = _document(found, path, media)
    ElementTree.indent(document)
    text = ElementTree.tostring(document, encoding="unicode")
    write_text(path, f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n')


def _document(found: Annotation, path: Path, media: Media) -> ElementTree.Element:
    root = ElementTree.Element(
        "ANNOTATION_DOCUMENT",
        {
            "AUTHOR": "mien",
            "DATE": datetime.now().astimezone().isoformat(timespec="seconds"),
            "FORMAT": "3.0",
            "VERSION": "3.0",
            "xmlns:xsi": _XSI,
            "xsi:noNamespaceSchemaLocation": _SCHEMA,
        },
    )
    header = _add(root, "HEADER", MEDIA_FILE="", TIME_UNITS="milliseconds")
    if media.path is not None:
        _add(header, "MEDIA_DESCRIPTOR", **_link(media, media.path, path))
    tiers = {
        who: [
            (start_ms, end_ms, one.label)
            for one in intervals
            if (start_ms := round(one.start_s * 1000)) < (end_ms := round(one.end_s * 1000))
        ]
        for who, intervals in found.people.items()
    }
    last = _add(header, "PROPERTY", NAME="lastUsedAnnotationId")
    last.text = str(sum(map(len, tiers.values())))
    _add_tiers(root, tiers, found.labels)
    _add_vocabulary(root, found.labels)
    return root


def _add(parent: ElementTree.Element, tag: str, **attributes: str) -> ElementTree.Element:
    return ElementTree.SubElement(parent, tag, attributes)


def _link(media: Media, video: Path, path: Path) -> dict[str, str]:
    """The link to the video: from the root, and from the folder of `path`.

    ELAN takes both as they stand: "%20" would be three letters of the name.
    """
    whole = video.resolve()
    link = {
        "MEDIA_URL": f"file:///{whole.as_posix().lstrip('/')}",
        "MIME_TYPE": MIME_TYPES.get(video.suffix.lower(), "video/*"),
    }
    if (relative := media.relative_to(path)) is None:
        return link
    return link | {"RELATIVE_MEDIA_URL": relative if relative[:3] == "../" else f"./{relative}"}


def _add_tiers(
    root: ElementTree.Element,
    tiers: dict[str, list[tuple[int, int, str]]],
    labels: tuple[str, ...],
) -> None:
    """The time slots, which come first, and the tiers that refer to them."""
    # (ms, tier, annotation, end): each annotation has two slots of its own, numbered by their time.
    slots = sorted(
        (ms, tier, number, end)
        for tier, intervals in enumerate(tiers.values())
        for number, interval in enumerate(intervals)
        for end, ms in enumerate(interval[:2])
    )
    names = {slot[1:]: f"ts{number}" for number, slot in enumerate(slots, start=1)}
    order = _add(root, "TIME_ORDER")
    for number, (ms, *_) in enumerate(slots, start=1):
        _add(order, "TIME_SLOT", TIME_SLOT_ID=f"ts{number}", TIME_VALUE=str(ms))
    count = 0
    for tier, (who, intervals) in enumerate(tiers.items()):
        element = _add(root, "TIER", LINGUISTIC_TYPE_REF=_TYPE, PARTICIPANT=who, TIER_ID=who)
        for number, (_, _, label) in enumerate(intervals):
            count += 1
            aligned = _add(
                _add(element, "ANNOTATION"),
                "ALIGNABLE_ANNOTATION",
                ANNOTATION_ID=f"a{count}",
                CVE_REF=_entry(labels.index(label)),
                TIME_SLOT_REF1=names[tier, number, 0],
                TIME_SLOT_REF2=names[tier, number, 1],
            )
            _add(aligned, "ANNOTATION_VALUE").text = label


def _entry(number: int) -> str:
    return f"cveid{number}"


def _add_vocabulary(root: ElementTree.Element, labels: tuple[str, ...]) -> None:
    """The one type of all tiers, and the labels that annotations of it may have."""
    _add(
        root,
        "LINGUISTIC_TYPE",
        CONTROLLED_VOCABULARY_REF=_TYPE,
        GRAPHIC_REFERENCES="false",
        LINGUISTIC_TYPE_ID=_TYPE,
        TIME_ALIGNABLE="true",
    )
    definition = "http://cdb.iso.org/lg/CDB-00138502-001"
    _add(root, "LANGUAGE", LANG_DEF=definition, LANG_ID=_LANGUAGE, LANG_LABEL="English (eng)")
    vocabulary = _add(root, "CONTROLLED_VOCABULARY", CV_ID=_TYPE)
    _add(vocabulary, "DESCRIPTION", LANG_REF=_LANGUAGE).text = "the labels that mien gives a face"
    for number, label in enumerate(labels):
        entry = _add(vocabulary, "CV_ENTRY_ML", CVE_ID=_entry(number))
        described = {"DESCRIPTION": meaning_of(label), "LANG_REF": _LANGUAGE}
        _add(entry, "CVE_VALUE", **described).text = label
