"""Readings beside EEG, eye trackers and markers: a stream of the Lab Streaming Layer (LSL)."""

import hashlib
import math
import socket
import time
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from mien import __version__
from mien.errors import MienError, needs_extra
from mien.labels import EMOTIONS
from mien.output.records import RAW, SIDES, cells

if TYPE_CHECKING:
    from mien.readings import TrackedReading
    from mien.recognize.video.live import LiveFrame

CONTENT_TYPE: Final = "Expressions"
"""What receivers look for: XDF names no type of its own for readings of faces."""

CHANNELS: Final = {
    "frame": "count",
    "track": "count",
    "score": "normalized",
    **dict.fromkeys(SIDES, "pixels"),
    **dict.fromkeys(EMOTIONS, "normalized"),
    **dict.fromkeys(RAW, "normalized"),
    **dict.fromkeys(("yaw", "pitch", "roll"), "degrees"),
    "size_px": "pixels",
    "blur": "normalized",
    "light": "gray levels",
    "contrast": "gray levels",
    "inside": "normalized",
    "usable": "boolean",
}
"""Label -> unit, in order: the columns of the rows that are numbers. `normalized` is 0 to 1."""

# For receivers to take the last samples: liblsl sends in threads of its own.
_SENDING_S: Final = 0.2


class LslStream:
    """Sends what is seen live: a sample for each face of each frame, at the time of the frame.

    A frame without a face is one sample of which all but `frame` and `track`, which is 0, is NaN.
    The time of a sample is when its frame came from the camera, by LSL's clock; what the camera
    and its driver took before is not known.

    Args:
        name: of the source, as receivers see it behind "mien".
        source: by which receivers know it again after a restart; only its hash is sent.
        model: that reads.
    Raises:
        MissingExtraError: pylsl is not installed.
        MienError: it is, and has no library here.
    """

    def __init__(self, name: str, *, source: str, model: str) -> None:
        self._lsl = _import_pylsl()
        known = hashlib.sha256(f"{socket.gethostname()} {source}".encode()).hexdigest()[:12]
        info = self._lsl.StreamInfo(
            f"mien {name}",
            CONTENT_TYPE,
            len(CHANNELS),
            self._lsl.IRREGULAR_RATE,
            "float32",
            f"mien-{known}",
        )
        description = info.desc()
        channels = description.append_child("channels")
        for label, unit in CHANNELS.items():
            _describe(channels, "channel", label=label, unit=unit, type=CONTENT_TYPE)
        made_by = {"manufacturer": "mien", "model": model, "version": __version__}
        _describe(description, "acquisition", **made_by)
        _describe(description, "synchronization", can_drop_samples="true")
        self._outlet = self._lsl.StreamOutlet(info)

    def write(self, seen: "LiveFrame") -> None:
        """Send the faces of one frame."""
        time_s = self._lsl.local_clock() - (time.monotonic() - seen.arrived_at)
        samples = [sample_of(seen.frame.index, reading) for reading in seen.readings]
        for sample in samples or [sample_of(seen.frame.index, None)]:
            self._outlet.push_sample(sample, time_s)

    def close(self) -> None:
        """End the stream, once receivers had time to take what was sent last."""
        if self._outlet.have_consumers():
            time.sleep(_SENDING_S)
        del self._outlet


def sample_of(frame: int, reading: "TrackedReading | None") -> list[float]:
    """The values of one face, in the order of `CHANNELS`; NaN for what is not known.

    Args:
        frame: its number.
        reading: None for a frame without a face.
    """
    values = {"frame": frame, "track": 0} | ({} if reading is None else cells(reading))
    found = (values.get(label) for label in CHANNELS)
    return [math.nan if value is None else float(value) for value in found]


def _describe(parent: Any, name: str, **values: str) -> None:
    child = parent.append_child(name)
    for key, value in values.items():
        child.append_child_value(key, value)


def _import_pylsl() -> ModuleType:
    try:
        with needs_extra("lsl", "--lsl"):
            import pylsl
    except RuntimeError as error:  # as it says that its wheel has no library for this machine
        raise MienError(
            f"--lsl: expected the library liblsl, which pylsl loads; {str(error).splitlines()[0]} "
            "Install it (conda install -c conda-forge liblsl), or name it in PYLSL_LIB"
        ) from error
    module: ModuleType = pylsl
    return module
