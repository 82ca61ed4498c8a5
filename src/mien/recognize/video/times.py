"""The times of a video's packets and frames, mended where a file has them wrong: they always rise.

Videos that were put together from several begin again with each part. AVI has no times of showing,
only of decoding, and neither have the MP4 and Matroska files that were copied from one.
"""

import heapq
import math
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import av
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream

CLOCK_FORMATS: Final = ("mpegts", "mpeg")
"""Transport and program streams: their clock may stand anywhere, and jump; nothing but it tells how
long they are."""

LEAST_STEP_S: Final = 0.001
"""Between two frames that a file shows at the same time, or in the wrong order."""

_BACK_S: Final = 0.5  # packets that go back further begin a new part
_FORWARD_S: Final = 10.0  # likewise of `CLOCK_FORMATS`, as FFmpeg's own `dts_delta_threshold`
_B_FRAME: Final = 3  # `av.video.frame.ImageType.B`; PyAV is not imported before a video is opened


def packets_of(container: "InputContainer", stream: "Stream") -> "Iterator[Packet[Any]]":
    """The packets of a stream, as the file has them but for their times, which go on.

    Where the first packet of a new part has an earlier time, or the clock of a transport stream
    jumps, the part is moved to where the last one ended. There all streams are looked at, so that
    whoever reads the images and whoever reads the sound moves them alike.
    """
    has_clock = container.format.name in CLOCK_FORMATS
    is_avi = container.format.name == "avi"
    parts = _Parts(jumps=has_clock)
    read: list[Stream] = [stream]
    if has_clock:
        read = [*container.streams.video, *container.streams.audio]
    packets = container.demux(*read)
    while True:
        try:
            packet = next(packets, None)
        except IndexError:  # of a stream that begins later, as FLV has them; PyAV has no place
            packets = container.demux(*read)
            continue
        if packet is None:
            return
        if is_avi and packet.dts is not None:
            packet.pts = packet.dts  # what FFmpeg gives is a guess, a frame or more too late
        parts.move(packet)
        if packet.stream is stream:  # the last, empty packet of each has its index wrong
            yield packet


class _Parts:
    """How far the part of a video that each stream is in is moved.

    Args:
        jumps: a jump forwards begins a new part, too.
    """

    def __init__(self, *, jumps: bool) -> None:
        self._forward_s = _FORWARD_S if jumps else math.inf
        self._newest_s = Fraction(0)  # how far the newest part is moved
        self._streams: dict[int, _Place] = {}

    def move(self, packet: "Packet[Any]") -> None:
        """Give a packet the time that it has in the whole video."""
        dts, pts = packet.dts, packet.pts
        if dts is None:
            return
        place = self._streams.get(packet.stream_index)
        if place is None:
            place = self._streams[packet.stream_index] = _Place(packet, self._forward_s)
        elif not place.goes_on(dts + place.moved):
            # Another stream may have begun the part before.
            newest = round(self._newest_s / place.unit)
            if not place.goes_on(dts + newest):
                newest = place.end - dts
                self._newest_s = newest * place.unit
            place.moved = newest
        if place.moved:
            packet.dts = dts + place.moved
            if pts is not None:
                packet.pts = pts + place.moved
        place.put(dts + place.moved, packet.duration or 0)


class _Place:
    """Where a stream is, in the unit of its own times."""

    def __init__(self, first: "Packet[Any]", forward_s: float) -> None:
        self.unit = first.time_base or Fraction(1, 90_000)
        self._back = round(_BACK_S / self.unit)
        self._forward = forward_s / self.unit
        rate: Fraction | None = getattr(first.stream, "average_rate", None)  # sound has none
        self._lasts = round(1 / (rate * self.unit)) if rate else 0
        self._last = first.dts or 0
        self.end = self._last + self._lasts
        self.moved = 0

    def goes_on(self, time: int) -> bool:
        return self._last - time <= self._back and time - self.end <= self._forward

    def put(self, time: int, lasts: int) -> None:
        """Take a packet in; without a duration it lasts as long as the one before."""
        step = time - self._last
        if lasts or 0 < step < self._back:
            self._lasts = lasts or step
        self._last, self.end = time, time + self._lasts


class ShownTimes:
    """When frames are shown, of a video whose packets have their times in the order of decoding.

    Such packets come at times that rise, and yet their frames in another order than they: then the
    frames take the same times, in order.
    """

    def __init__(self) -> None:
        self._waiting: list[int] = []  # a heap: times of packets whose frames are to come
        self._last = 0
        self._is_right = False  # packets fall: those are times of showing
        self._is_wrong = False

    def take(self, packet: "Packet[Any]") -> None:
        """Note the time of a packet; call it before it is decoded."""
        if self._is_right or packet.pts is None:
            return
        self._is_right = bool(self._waiting) and packet.pts < self._last
        self._last = packet.pts
        heapq.heappush(self._waiting, packet.pts)

    def lose(self) -> None:
        """A frame cannot be decoded."""
        if self._waiting:
            heapq.heappop(self._waiting)

    def mend(self, frame: "av.VideoFrame") -> None:
        """Give a frame its time."""
        if self._is_right or frame.pts is None or not self._waiting:
            return
        first = heapq.heappop(self._waiting)
        # Of a damaged video the frames before may be lost; but packets of frames that are made of
        # later ones, as only B-frames are, must not rise.
        self._is_wrong = self._is_wrong or (first < frame.pts and frame.pict_type == _B_FRAME)
        if self._is_wrong:
            frame.pts = first
            return
        while first < frame.pts and self._waiting:
            first = heapq.heappop(self._waiting)
