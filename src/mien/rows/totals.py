"""What each person shows over a video, summed up as the video is read."""

from collections.abc import Sequence

from mien.labels import EMOTIONS
from mien.readings import TrackedReading, TrackSummary


class TrackTotals:
    """Sums for each track, in memory that grows with the number of people, not with the video.

        totals = TrackTotals()
        for frame, readings in recognizer.stream("video.mp4"):
            totals.add(frame.time_s, readings)
        people = totals.summary()

    Each frame counts until the next; the last one, where its end is not known, as long as that
    before it.
    """

    def __init__(self) -> None:
        self._tracks: dict[int, _Track] = {}
        self._last: tuple[float, Sequence[TrackedReading]] | None = None
        self._step_s = 0.0  # how long the frame before the last is shown

    def add(self, time_s: float, readings: "Sequence[TrackedReading]") -> None:
        """Count one frame, when it is shown, and its faces; call it for frames without one, too."""
        before: set[int] = set()
        if self._last is not None:
            before = {reading.track for reading in self._last[1]}
            self._step_s = max(time_s - self._last[0], 0.0)
            self._count(self._step_s)
        self._last = (time_s, readings)
        for reading in readings:
            track = self._tracks.setdefault(reading.track, _Track(reading.name, time_s))
            track.see(time_s, reading, self._step_s if reading.track in before else None)

    def _count(self, seconds: float) -> None:
        """Give the last frame its length."""
        assert self._last is not None
        for reading in self._last[1]:
            self._tracks[reading.track].count(seconds, reading)

    def summary(self, until_s: float | None = None) -> "list[TrackSummary]":
        """What each person shows, in the order of their numbers; ends the counting.

        Args:
            until_s: when the last frame ends; None if it is not known.
        """
        if self._last is not None:
            self._count(self._step_s if until_s is None else until_s - self._last[0])
            self._last = None
        return [self._tracks[number].summary(number) for number in sorted(self._tracks)]


class _Track:
    def __init__(self, name: str | None, time_s: float) -> None:
        self.name = name
        self.first_s = self.last_s = time_s
        self.seconds = 0.0
        self.followed_s = 0.0  # from each frame to the next one, where the face is in both
        self.frames = self.detected = self.flips = self.raw_flips = 0
        self.label = self.raw_label = ""
        self.shares = dict.fromkeys(EMOTIONS, 0.0)  # in seconds
        self.means = [0.0] * len(EMOTIONS)  # times seconds

    def see(self, time_s: float, reading: "TrackedReading", step_s: float | None) -> None:
        """Take a face; it was in the frame before, `step_s` ago, or None if it was not."""
        self.last_s = max(self.last_s, time_s)
        if step_s is not None:
            self.followed_s += step_s
            self.flips += reading.emotion != self.label
            self.raw_flips += reading.raw_emotion != self.raw_label
        self.label, self.raw_label = reading.emotion, reading.raw_emotion
        self.frames += 1
        self.detected += reading.detected

    def count(self, seconds: float, reading: "TrackedReading") -> None:
        self.seconds += seconds
        # A still has no length; its face counts all the same.
        weight = seconds or 1e-9
        self.shares[reading.emotion] += weight
        for i, probability in enumerate(reading.probabilities):
            self.means[i] += weight * probability

    def summary(self, number: int) -> TrackSummary:
        weight = sum(self.shares.values())
        minutes = self.followed_s / 60
        return TrackSummary(
            track=number,
            name=self.name,
            first_s=self.first_s,
            last_s=self.last_s,
            on_screen_s=self.seconds,
            frames=self.frames,
            detected=self.detected,
            emotion=max(self.shares, key=lambda label: self.shares[label]),
            shares={label: share / weight for label, share in self.shares.items()},
            means={e: mean / weight for e, mean in zip(EMOTIONS, self.means, strict=True)},
            flips_per_minute=self.flips / minutes if minutes else 0.0,
            raw_flips_per_minute=self.raw_flips / minutes if minutes else 0.0,
        )
