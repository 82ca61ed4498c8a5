"""Frames -> the same faces under the same numbers: detection on key frames, following between.

On a key frame the detector's faces are shared out among the tracks in two rounds, the sure faces
first (ByteTrack, Zhang et al. 2021, arXiv:2110.06864), by where a Kalman filter expects each track
(SORT, Bewley et al. 2016, arXiv:1602.00763) within boxes that are enlarged for both (buffered IoU,
Yang et al. 2023, arXiv:2211.14317), and by looks. Between key frames a grid of points on each face
is followed by optical flow there and back again (Median Flow, Kalal et al. 2010, "Forward-Backward
Error"; pyramidal Lucas-Kanade, Bouguet 2000). Where that is unsure, the frame becomes a key frame.

Looks are the gray levels of the turned crop and the colours of head and shoulders. They tell apart
people who appear in one film, in the same clothes and light; they are no face recognition.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.crops import crop_faces
from mien.errors import OptionError
from mien.faces import Box, Detector, Face, Framing, Landmarks, YuNetDetector, iou
from mien.images import Image

Gray: TypeAlias = NDArray[np.uint8]
"""(H, W) uint8."""

Points: TypeAlias = NDArray[np.float32]
"""(P, 2) float32, x and y."""

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class TrackingSettings:
    """How faces are followed.

    Attributes:
        detect_every_s: time from one key frame to the next; 0 makes every frame one. A face that
            comes into the picture is seen that late at most.
        min_score: a face that no track accounts for begins a new track from this score on, 0 to 1;
            None takes the detector's own least score, .8 for YuNet.
        min_low_score: faces of a lower score, down to this one, only continue tracks. YuNet is
            asked for them; of other detectors those count that they give.
        coast_s: how long a face is followed that the detector does not find, by flow alone.
        lost_s: how long a face that is neither found nor followed is expected nearby, by place.
        return_s: how long a face that is gone may stay away and get its number back, by looks.
        decide_s: how long a new face is compared with those that are gone. At first it may be cut
            by the border of the picture and look like nobody.
        min_looks: from which similarity of looks on, -1 to 1, a face that returns is the same.
        min_looks_nearby: likewise, where it returns to the place that it left.
    Raises:
        OptionError: a value is out of its range.
    """

    detect_every_s: float = 0.15
    min_score: float | None = None
    min_low_score: float = 0.5
    coast_s: float = 0.5
    lost_s: float = 1.0
    return_s: float = 60.0
    decide_s: float = 0.5
    min_looks: float = 0.8
    min_looks_nearby: float = 0.7

    def __post_init__(self) -> None:
        for name in ("detect_every_s", "coast_s", "lost_s", "return_s", "decide_s"):
            if not 0.0 <= getattr(self, name) < math.inf:
                raise OptionError(f"{name}: expected 0 or more; got {getattr(self, name)}")
        for name in ("min_score", "min_low_score"):
            value = getattr(self, name)
            if value is not None and not 0.0 <= value <= 1.0:
                raise OptionError(f"{name}: expected 0 to 1; got {value}")
        for name in ("min_looks", "min_looks_nearby"):
            if not -1.0 <= getattr(self, name) <= 1.0:
                raise OptionError(f"{name}: expected -1 to 1; got {getattr(self, name)}")


@dataclass(frozen=True)
class TrackedFace(Face):
    """A face in one frame, with the number of its track.

    Attributes:
        track: from 1, in the order of first sight; steady over a film.
        detected: whether the detector found it in this frame; otherwise it was followed here, and
            `score` is that of the last detection.
    """

    track: int = field(kw_only=True)
    detected: bool = field(kw_only=True)


class Tracker:
    """Gives the faces of one film their numbers, frame by frame.

        tracker = Tracker(YuNetDetector())
        for frame in frames("interview.mp4"):
            faces = tracker(frame.image, frame.time_s)

    Its memory does not grow with the film, but with the faces of the last `return_s` seconds.

    Args:
        detector: finds the faces of key frames.
        settings: how faces are followed.

    Attributes:
        key_frames: how many frames have been searched by the detector so far.
        renamed: number -> number, of faces that were first taken for new ones and then recognized;
            forgotten with the face.
    """

    FOLLOW_PIXELS: Final = 640 * 360  # of the gray picture that faces are followed in, at most
    PLACE_MARGIN: Final = 0.3  # of the box, by which both are enlarged to be compared
    LOST_MARGIN_PER_S: Final = 1.0  # likewise, for each second since the face was seen
    MIN_PLACE: Final = 0.1  # IoU of the enlarged boxes
    MIN_LOW_PLACE: Final = 0.3  # likewise, of a face with a low score
    # A face that is less alike does not continue a lost track; half hidden, it is hardly itself.
    MIN_LOOKS_LOST: Final = 0.35
    TOUCHING_IOU: Final = 0.02  # of two faces that may hide each other: looks decide
    HIDDEN_IOU: Final = 0.2  # with a face that was found: what is followed there is that face
    MAX_MARGIN: Final = 1.5
    MAX_STEP_S: Final = 0.4  # between two frames; after longer ones looks decide, too
    LOOKS_EVERY_S: Final = 0.5
    LOOKS_MEMORY: Final = 0.8  # share of the old looks that stays at each renewal
    RETRY_S: Final = 0.3  # for which every frame is a key frame after a face was lost
    CUT_CORRELATION: Final = 0.35  # of two frames' thumbnails; less is a cut
    THUMBNAIL: Final = (32, 18)

    def __init__(self, detector: Detector, settings: TrackingSettings | None = None) -> None:
        self.settings = settings or TrackingSettings()
        low_score, min_score = self.settings.min_low_score, self.settings.min_score
        if isinstance(detector, YuNetDetector):
            if min_score is None:
                min_score = detector.min_score
            if low_score < detector.min_score:
                detector = YuNetDetector(
                    min_score=low_score,
                    min_face_px=detector.min_face_px,
                    full_size=detector.full_size,
                )
        self.detector = detector
        self.key_frames = 0
        self.renamed: dict[int, int] = {}
        self._min_score = 0.0 if min_score is None else min_score
        self._tracks: list[_Track] = []
        self._numbers = 0
        self._before: Gray | None = None
        self._thumbnail: Floats | None = None
        self._time_s = -math.inf
        self._key_time_s = -math.inf

    def __call__(self, image: Image, time_s: float) -> list[TrackedFace]:
        """The faces of the next frame.

        Args:
            image: (H, W, 3) uint8, RGB.
            time_s: not before that of the frame before.
        Returns:
            The faces that are seen in this frame, in the order of their numbers.
        Raises:
            OptionError: time runs backwards.
        """
        if time_s < self._time_s:
            raise OptionError(f"time_s: expected {self._time_s} or later; got {time_s}")
        every_frame = self.settings.detect_every_s == 0.0
        gray, scale = _shrunk_gray(image, self.FOLLOW_PIXELS)
        cut = self._is_cut(gray)
        step_s = time_s - self._time_s
        for track in self._tracks:
            track.advance(time_s, min(step_s, self.MAX_STEP_S))
            if cut:
                track.leave()
            elif step_s > self.MAX_STEP_S:
                track.lose()
        self._time_s = time_s
        self._forget()
        key = cut or time_s - self._key_time_s >= self.settings.detect_every_s - 1e-4
        # On key frames, too: where faces touch, the flow tells them apart.
        if self._before is not None and not every_frame and not cut:
            key = not self._follow(self._before, gray, scale) or key
        if key:
            self._detect(image, gray, scale, step_s)
        self._before = gray
        return [track.face() for track in self._tracks if track.seen]

    @property
    def known(self) -> set[int]:
        """The numbers of the faces that may still be seen again."""
        return {track.number for track in self._tracks}

    @property
    def undecided(self) -> bool:
        """Whether a face in the last frame may yet turn out to be one that was there before."""
        return any(t.seen and self._is_young(t) for t in self._tracks) and any(
            not t.seen for t in self._tracks
        )

    def _is_young(self, track: "_Track") -> bool:
        return self._time_s - track.born_s < self.settings.decide_s

    def _is_cut(self, gray: Gray) -> bool:
        """Whether the picture is another scene than the one before."""
        small = cv2.resize(gray, self.THUMBNAIL, interpolation=cv2.INTER_AREA).astype(float)
        small -= small.mean()
        before, self._thumbnail = self._thumbnail, small
        if before is None or before.shape != small.shape:
            return before is not None
        energy = float(np.linalg.norm(before) * np.linalg.norm(small))
        # Of two pictures that are nearly flat, noise is all there is to compare.
        flat = 4.0 * small.size
        return energy > flat and float((before * small).sum()) < self.CUT_CORRELATION * energy

    def _forget(self) -> None:
        keep_s = max(self.settings.return_s, self.settings.lost_s)
        self._tracks = [t for t in self._tracks if self._time_s - t.seen_s <= keep_s]
        known = self.known
        self.renamed = {new: old for new, old in self.renamed.items() if old in known}

    def _follow(self, before: Gray, gray: Gray, scale: float) -> bool:
        """Move the faces by optical flow; gives whether all of them are surely followed."""
        sure = True
        for track in self._tracks:
            if track.seen and before.shape == gray.shape:
                step = _flow(before, gray, track.box, track.expected, scale)
                if step is None or not track.move(step, gray, scale):
                    track.lose()
        for track in self._tracks:
            if track.lost_for(self._time_s) <= self.RETRY_S and not track.seen and not track.left:
                sure = False
        shown = [track for track in self._tracks if track.seen]
        for index, track in enumerate(shown):
            if any(iou(track.box, other.box) > self.TOUCHING_IOU for other in shown[:index]):
                sure = False
        return sure

    def _detect(self, image: Image, gray: Gray, scale: float, step_s: float) -> None:
        """Search the frame, and share its faces out among the tracks."""
        settings = self.settings
        self.key_frames += 1
        self._key_time_s = self._time_s
        found = [f for f in self.detector.detect(image) if f.size_px > 0.0]
        sure = [f for f in found if f.score >= self._min_score]
        unsure = [f for f in found if settings.min_low_score <= f.score < self._min_score]
        looks = _LooksOf(image, self.detector.framing)
        lost_s = max(settings.lost_s, step_s)
        near = [t for t in self._tracks if not t.left and t.lost_for(self._time_s) <= lost_s]

        matched = self._match(near, sure, looks, self.MIN_PLACE)
        open_tracks = [t for t in near if t not in matched]
        matched |= self._match(
            [t for t in open_tracks if t.seen or t.lost_for(self._time_s) < settings.coast_s],
            unsure,
            looks,
            self.MIN_LOW_PLACE,
        )
        taken = list(matched.values())
        new = [f for f in sure if not any(f is other for other in taken)]
        gone = [t for t in self._tracks if t not in matched and not t.seen]
        young = {face: track for track, face in matched.items() if self._is_young(track)}
        for track, face in self._match_returned(gone, [*new, *young], looks).items():
            if face in young and track.seen_s < young[face].born_s:
                self._rename(young[face], track)
                del matched[young[face]]
            if face not in matched.values():
                matched[track] = face
        for track, face in matched.items():
            renew = self._time_s - track.looks_s >= self.LOOKS_EVERY_S
            # What is beside it, or before it, is not how it looks.
            renew = renew and not any(
                other is not face and iou(_enlarged(other.box, self.PLACE_MARGIN), face.box) > 0.0
                for other in found
            )
            track.correct(face, looks(face) if renew else None, self._time_s, gray, scale)
        for face in new:
            if not any(face is other for other in matched.values()):
                self._numbers += 1
                track = _Track(self._numbers, face, looks(face), self._time_s, gray, scale)
                self._tracks.append(track)
                matched[track] = face
        self._drop_unmatched(matched)

    def _rename(self, new: "_Track", old: "_Track") -> None:
        """What was taken for a new face is one that was gone."""
        self._tracks.remove(new)
        self.renamed[new.number] = old.number
        for number, name in self.renamed.items():
            if name == new.number:
                self.renamed[number] = old.number

    def _match(
        self, tracks: list["_Track"], faces: list[Face], looks: "_LooksOf", min_place: float
    ) -> dict["_Track", Face]:
        """Tracks and the faces that lie where they are expected; the best pair first.

        Looks are only asked where more than one pair is possible, or the track was out of sight.
        """
        places: dict[tuple[int, int], float] = {}
        for i, track in enumerate(tracks):
            lost_s = 0.0 if track.seen else track.lost_for(self._time_s)
            margin = min(self.PLACE_MARGIN + self.LOST_MARGIN_PER_S * lost_s, self.MAX_MARGIN)
            for j, face in enumerate(faces):
                place = iou(_enlarged(track.expected, margin), _enlarged(face.box, margin))
                if place >= min_place:
                    places[i, j] = place
        pairs = []
        for (i, j), place in places.items():
            rivals = sum(i == a or j == b for a, b in places) > 1
            alike = 1.0
            if rivals or not tracks[i].seen:
                alike = float(tracks[i].looks @ looks(faces[j]))
            if tracks[i].seen or self._continues(tracks[i], alike, looks(faces[j])):
                pairs.append((place + alike, i, j))
        return {tracks[i]: faces[j] for i, j in _best_first(pairs)}

    def _continues(self, track: "_Track", alike: float, looks: Floats) -> bool:
        """Whether a face may be that of a lost track; not if it is more like another lost one."""
        others = (t for t in self._tracks if not t.seen and t is not track)
        return alike >= max(self.MIN_LOOKS_LOST, *(float(t.looks @ looks) for t in others), 0.0)

    def _match_returned(
        self, tracks: list["_Track"], faces: list[Face], looks: "_LooksOf"
    ) -> dict["_Track", Face]:
        """Tracks out of sight and the faces that look like them; the most alike first."""
        pairs = []
        for i, track in enumerate(tracks):
            for j, face in enumerate(faces):
                alike = float(track.looks @ looks(face))
                nearby = not track.left and iou(_enlarged(track.box, 1.0), face.box) > 0.0
                enough = self.settings.min_looks_nearby if nearby else self.settings.min_looks
                if alike >= enough:
                    pairs.append((alike, i, j))
        return {tracks[i]: faces[j] for i, j in _best_first(pairs)}

    def _drop_unmatched(self, matched: dict["_Track", Face]) -> None:
        """Lose the tracks without a detection: for long, or on a face that is another's."""
        for track in self._tracks:
            if not track.seen or track in matched:
                continue
            overdue = self._time_s - track.detected_s > self.settings.coast_s
            hidden = any(iou(track.box, f.box) > self.HIDDEN_IOU for f in matched.values())
            if overdue or hidden or self.settings.detect_every_s == 0.0:
                track.lose()


class _Track:
    """One face over time: where it is, where it is going, what it looks like."""

    MIN_CORRELATION: Final = 0.6  # of the face that is followed with itself when it was detected
    PATCH: Final = (16, 16)

    def __init__(
        self, number: int, face: Face, looks: Floats, time_s: float, gray: Gray, scale: float
    ) -> None:
        self.number = number
        self.born_s = time_s
        self.seen = True
        self.left = False  # by a cut: its place says nothing any more
        self.looks = looks
        self.looks_s = time_s
        self.motion = _Motion(face.box)
        self._set(face, time_s, gray, scale)

    def _set(self, face: Face, time_s: float, gray: Gray, scale: float) -> None:
        self.box, self.landmarks, self.score = face.box, face.landmarks, face.score
        self.expected = face.box
        self.seen_s = self.detected_s = self._now_s = time_s
        self.patch = _patch(gray, face.box, scale, self.PATCH)

    def face(self) -> TrackedFace:
        return TrackedFace(
            self.box,
            self.score,
            self.landmarks,
            track=self.number,
            detected=self.detected_s == self._now_s,
        )

    def lost_for(self, time_s: float) -> float:
        """Seconds since it was last seen."""
        return time_s - self.seen_s

    def advance(self, time_s: float, step_s: float) -> None:
        """Expect it in the frame at `time_s`."""
        self._now_s = time_s
        if not math.isfinite(step_s) or self.left:
            return
        self.motion.predict(step_s)
        if not self.seen:
            self.motion.slow(step_s)
        self.expected = self.motion.box()

    def move(self, step: "_Step", gray: Gray, scale: float) -> bool:
        """Move it with the flow; gives False where it no longer looks like itself."""
        self.box = step.box(self.box)
        if self.landmarks is not None:
            self.landmarks = step.points(self.landmarks)
        patch = _patch(gray, self.box, scale, self.PATCH)
        if float((patch * self.patch).sum()) < self.MIN_CORRELATION:
            return False
        self.motion.correct(self.box)
        self.expected, self.seen_s = self.box, self._now_s
        return True

    def correct(
        self, face: Face, looks: Floats | None, time_s: float, gray: Gray, scale: float
    ) -> None:
        """It is this face that the detector found."""
        if self.left or time_s - self.seen_s > Tracker.RETRY_S:
            self.motion = _Motion(face.box)
        else:
            self.motion.correct(face.box)
        self.seen, self.left = True, False
        if looks is not None:
            mixed = Tracker.LOOKS_MEMORY * self.looks + (1.0 - Tracker.LOOKS_MEMORY) * looks
            self.looks, self.looks_s = mixed / np.linalg.norm(mixed), time_s
        self._set(face, time_s, gray, scale)

    def lose(self) -> None:
        self.seen = False

    def leave(self) -> None:
        """The scene has changed: it may return anywhere."""
        self.seen, self.left = False, True


class _Motion:
    """Constant velocity of a box's centre and of the logarithm of its size, as in SORT.

    All three share one covariance, as their noise does in units of the size of the face.
    """

    MEASURED_SD: Final = 0.04  # of a position, in sizes of the face
    VELOCITY_SD: Final = 1.0  # at first, in sizes a second
    ACCELERATION_SD: Final = 8.0  # in sizes a second, a second
    MAX_LOG_SIZE: Final = 12.0
    SLOWING_S: Final = 0.25  # in which a face out of sight loses most of its velocity

    def __init__(self, box: Box) -> None:
        self._position, self._ratio = _centre_and_log_size(box)
        self._velocity = (0.0, 0.0, 0.0)
        # Of a position, of both, and of a velocity.
        self._variances = self.MEASURED_SD**2, 0.0, self.VELOCITY_SD**2

    def predict(self, step_s: float) -> None:
        x, y, log_size = (
            p + step_s * v for p, v in zip(self._position, self._velocity, strict=True)
        )
        # The size of a face that grows for as long as it is out of sight would overflow.
        self._position = x, y, min(max(log_size, 0.0), self.MAX_LOG_SIZE)
        position, both, velocity = self._variances
        push = (self.ACCELERATION_SD * step_s) ** 2
        self._variances = (
            position + step_s * (2.0 * both + step_s * velocity) + push * step_s**2 / 4,
            both + step_s * velocity + push * step_s / 2,
            velocity + push,
        )

    def correct(self, box: Box) -> None:
        measured, self._ratio = _centre_and_log_size(box)
        position, both, velocity = self._variances
        whole = position + self.MEASURED_SD**2
        surprise = [m - p for m, p in zip(measured, self._position, strict=True)]
        dx, dy, dlog = (position / whole * s for s in surprise)
        x, y, log_size = self._position
        self._position = x + dx, y + dy, log_size + dlog
        vx, vy, vlog = self._velocity
        dx, dy, dlog = (both / whole * s for s in surprise)
        self._velocity = vx + dx, vy + dy, vlog + dlog
        self._variances = (
            position - position * position / whole,
            both - both * position / whole,
            velocity - both * both / whole,
        )

    def slow(self, step_s: float) -> None:
        """Let the velocity fade, for a face that nothing is seen of."""
        share = math.exp(-step_s / self.SLOWING_S)
        vx, vy, vlog = self._velocity
        self._velocity = share * vx, share * vy, share * vlog

    def box(self) -> Box:
        x, y, log_size = self._position
        height = math.exp(log_size)
        width = height * self._ratio
        return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _centre_and_log_size(box: Box) -> tuple[tuple[float, float, float], float]:
    """Centre x and y, log of the height; and the width in heights."""
    width, height = max(box[2] - box[0], 1e-3), max(box[3] - box[1], 1e-3)
    centre = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return (*centre, math.log(height)), width / height


@dataclass(frozen=True)
class _Step:
    """A turn, scaling and shift of the picture's plane: z -> turn * z + shift, z = x + iy."""

    turn: complex
    shift: complex

    def points(self, points: Landmarks) -> Landmarks:
        a, b, c, d, e = (self.turn * complex(*point) + self.shift for point in points)
        return (
            (a.real, a.imag),
            (b.real, b.imag),
            (c.real, c.imag),
            (d.real, d.imag),
            (e.real, e.imag),
        )

    def box(self, box: Box) -> Box:
        """The box around the moved centre, grown but not turned."""
        centre = self.turn * complex((box[0] + box[2]) / 2, (box[1] + box[3]) / 2) + self.shift
        half = abs(self.turn) / 2
        width, height = (box[2] - box[0]) * half, (box[3] - box[1]) * half
        return centre.real - width, centre.imag - height, centre.real + width, centre.imag + height


_SHARES: Final = np.linspace(0.15, 0.85, 5)  # of a box's sides: less background
_GRID: Final = np.stack(np.meshgrid(_SHARES, _SHARES), 2).reshape(-1, 2)
"""(25, 2), x and y of the points that are followed, as shares of the box."""

_MIN_POINTS: Final = 8  # that must agree, of 25
_MAX_GROWTH: Final = 1.25  # from one frame to the next
_AGREEMENT: Final = 0.06  # of the face's size: how far points may depart from the others
_SEARCH_END: Final = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 10, 0.03)  # steps, pixels


def _flow(before: Gray, after: Gray, box: Box, expected: Box, scale: float) -> _Step | None:
    """How a face moved from one shrunk gray picture to the next; None where that is unsure.

    Args:
        before: (H, W) uint8.
        after: likewise, of the next frame.
        box: of the face before, in pixels of the original picture.
        expected: about where it is after; its motion is sought around that.
        scale: shrunk pixels in one of the original.
    Returns:
        The motion in pixels of the original picture.
    """
    x0, y0, x1, y1 = (value * scale for value in box)
    size = max(x1 - x0, y1 - y0)
    height, width = before.shape
    left, top = max(0, int(x0 - size / 2)), max(0, int(y0 - size / 2))
    right, bottom = min(width, int(x1 + size / 2) + 1), min(height, int(y1 + size / 2) + 1)
    window = int(min(max(size / 6, 7), 11)) | 1
    if right - left < 2 * window or bottom - top < 2 * window:
        return None
    start = (_GRID * (x1 - x0, y1 - y0) + (x0 - left, y0 - top)).astype(np.float32)
    if x0 < 0 or y0 < 0 or x1 > width or y1 > height:
        start = start[((start >= 0) & (start < (right - left, bottom - top))).all(1)]
        if len(start) < _MIN_POINTS:
            return None
    away_x = round((expected[0] + expected[2] - box[0] - box[2]) / 2 * scale)
    away_y = round((expected[1] + expected[3] - box[1] - box[3]) / 2 * scale)
    away_x = min(max(away_x, -left), width - right)  # so that both parts are in the picture
    away_y = min(max(away_y, -top), height - bottom)
    old = before[top:bottom, left:right]
    new = after[top + away_y : bottom + away_y, left + away_x : right + away_x]
    levels = 3 if size > 80 else 2
    options = {"winSize": (window, window), "maxLevel": levels, "criteria": _SEARCH_END}
    there, found, _ = cv2.calcOpticalFlowPyrLK(old, new, start, None, **options)  # type: ignore[call-overload]
    back, returned, _ = cv2.calcOpticalFlowPyrLK(new, old, there, None, **options)  # type: ignore[call-overload]
    agreement = max(_AGREEMENT * size, 0.5)
    good = (np.abs(back - start).max(1) < agreement) & (found[:, 0] & returned[:, 0] == 1)
    if good.sum() < _MIN_POINTS:
        return None
    start, there = start[good].astype(np.float64), there[good].astype(np.float64)
    # The median holds against the background and what passes in front, least squares do not.
    moved = there - start
    apart = np.abs(moved - np.sort(moved, 0)[len(moved) // 2]).max(1)
    near = apart <= max(2.5 * float(np.sort(apart)[len(apart) // 2]), agreement)
    start += (left, top)
    there += (left + away_x, top + away_y)
    a, b = start[near] @ (1, 1j), there[near] @ (1, 1j)
    middle_a, middle_b = a.sum() / len(a), b.sum() / len(b)
    spread = float((np.abs(a - middle_a) ** 2).sum())
    if len(a) < _MIN_POINTS or spread <= 0.0:
        return None
    turn = complex((np.conj(a - middle_a) * (b - middle_b)).sum() / spread)
    if not 1 / _MAX_GROWTH < abs(turn) < _MAX_GROWTH:
        return None
    return _Step(turn, complex(middle_b - turn * middle_a) / scale)


def _shrunk_gray(image: Image, pixels: int) -> tuple[Gray, float]:
    """A gray picture of at most `pixels`, shrunk by a whole number, and its scale."""
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    height, width = gray.shape
    factor = max(1, math.ceil(math.sqrt(width * height / pixels) - 1e-9))
    factor = min(factor, width, height)
    if factor > 1:
        whole = gray[: height // factor * factor, : width // factor * factor]
        size = (width // factor, height // factor)
        gray = cv2.resize(whole, size, interpolation=cv2.INTER_AREA)
    return np.asarray(gray, np.uint8), 1.0 / factor


def _patch(gray: Gray, box: Box, scale: float, size: tuple[int, int]) -> Floats:
    """The face in a shrunk gray picture: (h, w) float, mean 0, norm 1."""
    x0, y0, x1, y1 = (value * scale for value in box)
    centre, sides = ((x0 + x1) / 2, (y0 + y1) / 2), (max(x1 - x0, 1.0), max(y1 - y0, 1.0))
    part = cv2.getRectSubPix(gray, (round(sides[0]) or 1, round(sides[1]) or 1), centre)
    small = cv2.resize(part, size, interpolation=cv2.INTER_AREA).astype(float)
    small -= small.mean()
    norm = float(np.linalg.norm(small))
    return small / norm if norm > 0.0 else small


class _LooksOf:
    """The looks of the faces of one picture, each worked out once, when it is asked for."""

    def __init__(self, image: Image, framing: Framing) -> None:
        self._image, self._framing = image, framing
        self._known: dict[int, Floats] = {}

    def __call__(self, face: Face) -> Floats:
        if id(face) not in self._known:
            self._known[id(face)] = looks_of(self._image, face, self._framing)
        return self._known[id(face)]


_LOOKS_PX: Final = 12  # side of the gray part
_BODY_PX: Final = (24, 32)  # width and height of the coloured part
_BINS: Final = (8, 3, 3)  # of hue, saturation and value


def looks_of(image: Image, face: Face, framing: Framing) -> Floats:
    """What a face looks like, for telling it from others of the same film.

    Of 44 faces in ten photos, found again 175 times in copies that were turned, scaled, darker or
    brighter, blurred or noisy, the most alike was the right one for 99 %; 95 % of them were at
    least .81 alike, and 1 % of the faces from other photos were more than .74
    (`benchmarks/video.py --only looks`).

    Args:
        image: (H, W, 3) uint8, RGB.
        face: in pixels of `image`.
        framing: of the detector that found it.
    Returns:
        (288,) float64 of norm 1: half of it the gray levels of the crop, less their mean, and half
        the roots of histograms of colour in the upper and lower half of head and shoulders. The
        product of two of them is their similarity, -0.5 to 1.
    """
    crop = crop_faces(image, [face], framing)[0]
    gray = cv2.resize(crop, (_LOOKS_PX, _LOOKS_PX), interpolation=cv2.INTER_AREA).astype(float)
    gray -= gray.mean()
    gray /= float(np.linalg.norm(gray)) or 1.0
    x0, y0, x1, y1 = face.box
    width, height = x1 - x0, y1 - y0
    left, right = _span(x0 - 0.5 * width, x1 + 0.5 * width, image.shape[1])
    top, bottom = _span(y0 - 0.4 * height, y1 + 1.5 * height, image.shape[0])
    # Every so many pixels are enough for a histogram, and cheap.
    step = max(1, min((right - left) // _BODY_PX[0], (bottom - top) // _BODY_PX[1]))
    body = cv2.resize(
        image[top:bottom:step, left:right:step], _BODY_PX, interpolation=cv2.INTER_AREA
    )
    hsv = cv2.cvtColor(body, cv2.COLOR_RGB2HSV)
    parts = [gray.ravel()]
    for half in (hsv[: _BODY_PX[1] // 2], hsv[_BODY_PX[1] // 2 :]):
        ranges = [0.0, 180.0, 0.0, 256.0, 0.0, 256.0]
        counts = cv2.calcHist([half], [0, 1, 2], None, list(_BINS), ranges).ravel()
        parts.append(np.sqrt(counts.astype(float) / counts.sum() / 2))
    return np.concatenate(parts) / math.sqrt(2.0)


def _span(low: float, high: float, length: int) -> tuple[int, int]:
    """Whole pixels of a side, at least one, within the picture."""
    first = min(max(int(low), 0), length - 1)
    return first, max(first + 1, min(int(high), length))


def _enlarged(box: Box, margin: float) -> Box:
    across, down = margin * (box[2] - box[0]), margin * (box[3] - box[1])
    return box[0] - across, box[1] - down, box[2] + across, box[3] + down


def _best_first(pairs: Sequence[tuple[float, int, int]]) -> list[tuple[int, int]]:
    """Pairs (row, column) that share no row and no column, taken from the highest value down."""
    rows: set[int] = set()
    columns: set[int] = set()
    chosen = []
    for _, row, column in sorted(pairs, key=lambda pair: -pair[0]):
        if row not in rows and column not in columns:
            rows.add(row)
            columns.add(column)
            chosen.append((row, column))
    return chosen
