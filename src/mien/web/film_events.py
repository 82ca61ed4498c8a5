"""What comes of a film, as it is sent: server-sent events, or rows of CSV or JSON."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from mien.output.records import (
    VIDEO_TABLE,
    csv_header,
    rounded,
    video_csv_lines,
    video_json_lines,
)
from mien.video.frames import VideoInfo
from mien.web.film_reading import Accepted, Event, Frames, Result

EVENTS: Final = "text/event-stream"
CSV: Final = "text/csv"
JSON_LINES: Final = "application/x-ndjson"


def encoder(accept: str, id_: str) -> tuple[str, Callable[[str, Event], bytes]]:
    """The content type that is asked for, and what makes it of a film's name and its events.

    Args:
        accept: the header of the request.
        id_: of the film.
    """
    wanted = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    if CSV in wanted:
        return f"{CSV}; charset=utf-8", _csv
    if JSON_LINES in wanted:
        return JSON_LINES, _json_lines
    return f"{EVENTS}; charset=utf-8", _Events(id_)


def _csv(name: str, event: Event) -> bytes:
    if isinstance(event, Accepted):
        return csv_header(VIDEO_TABLE).encode()
    if isinstance(event, Frames):
        return "".join(video_csv_lines(f.index, f.time_s, r) for f, r in event.frames).encode()
    return b""


def _json_lines(name: str, event: Event) -> bytes:
    if isinstance(event, Frames):
        return "".join(video_json_lines(f.index, f.time_s, r) for f, r in event.frames).encode()
    return b""


class _Events:
    """Server-sent events of one film."""

    def __init__(self, id_: str) -> None:
        self._id = id_
        self._duration_s: float | None = None

    def __call__(self, name: str, event: Event) -> bytes:
        if isinstance(event, Accepted):
            self._duration_s = event.info.duration_s
            return _event("accepted", _accepted(event.info, self._id, name))
        if isinstance(event, Frames):
            frames = [
                {
                    "index": frame.index,
                    "time_s": frame.time_s,
                    "faces": [rounded(reading.to_dict()) for reading in readings],
                }
                for frame, readings in event.frames
            ]
            done_s = event.frames[-1][0].time_s
            progress = {"done_s": done_s, "duration_s": self._duration_s}
            return _event("frames", {"frames": frames, **progress})
        if isinstance(event, Result):
            return _event(
                "result",
                {
                    "frames": event.frames,
                    "people": event.people,
                    "duration_s": event.duration_s,
                    "read_s": round(event.read_s, 3),
                },
            )
        return _event("failed", {"error": event.to_dict()})


def _accepted(info: VideoInfo, id_: str, name: str) -> dict[str, Any]:
    frames = info.frame_count
    if frames is None and info.duration_s is not None and info.frame_rate is not None:
        frames = round(info.duration_s * info.frame_rate)
    return {
        "id": id_,
        "name": name,
        "width": info.width,
        "height": info.height,
        "fps": info.frame_rate,
        "duration_s": info.duration_s,
        "frames": frames,
    }


def _event(name: str, data: Mapping[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()
