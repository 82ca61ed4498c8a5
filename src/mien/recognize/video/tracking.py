"""Frames -> the same faces under the same numbers: detection in some frames, following between.

On a detection frame the detector's faces are shared out among the tracks in two rounds, the sure
faces first (ByteTrack, Zhang et al. 2021, arXiv:2110.06864), by where a Kalman filter expects each
track (SORT, Bewley et al. 2016, arXiv:1602.00763) within boxes that are enlarged for both (buffered
IoU, Yang et al. 2023, arXiv:2211.14317), and by appearance. Between detection frames each face is
followed by optical flow, in a file across some frames at once. Where that is unsure, the frame
becomes a detection frame; where nothing has changed but known faces, only their places are looked
at on one.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from mien.errors import MienError, OptionError, check_number
from mien.readings import Box, Face, Image, Landmarks
from mien.recognize.candidates import iou
from mien.recognize.faces import Detector, YuNetDetector
from mien.recognize.quality import inside_of
from mien.recognize.video.appearance import AppearanceOf
from mien.recognize.video.motion import (
    Floats,
    Gray,
    KalmanFilter,
    SimilarityTransform,
    flow,
    patch_of,
    shrunk_gray,
)

if TYPE_CHECKING:
    from mien.recognize.video.frames import Frame


@dataclass(frozen=True)
class TrackingSettings:
    """How faces are followed.

    Attributes:
        detect_every_s: time from one detection frame to the next; 0 makes every frame one, and
            searches it. A face that comes into the image is seen that late at most; in a second
            where it changes too little of the image, or only what is around or below known faces.
        across_s: faces of a file are followed across the frames of so much time at once, and have
            moved evenly in those between, where that is sure; 0 follows them from each to the next.
        min_score: a face that no track accounts for begins a new track from this score on, 0 to 1;
            None takes the detector's own least score, .8 for YuNet.
        min_low_score: faces of a lower score, down to this one, only continue tracks. YuNet is
            asked for them; of other detectors those count that they give.
        coast_s: how long a face is followed that the detector does not find, by flow alone.
        max_age_s: how long a face that is neither found nor followed is expected nearby, by place.
        reid_s: how long a face that is gone may stay away and get its number back, by appearance.
        tentative_s: how long a new face is compared with those that are gone. At first it may be
            cut by the border of the image and look like nobody.
        min_appearance: from which similarity on, -1 to 1, a face that returns is the same.
        min_appearance_nearby: likewise, where it returns to the place that it left.
    Raises:
        OptionError: a value is out of its range.
    """

    detect_every_s: float = 0.15
    across_s: float = 0.1
    min_score: float | None = None
    min_low_score: float = 0.5
    coast_s: float = 0.5
    max_age_s: float = 1.0
    reid_s: float = 60.0
    tentative_s: float = 0.5
    min_appearance: float = 0.8
    min_appearance_nearby: float = 0.7

    def __post_init__(self) -> None:
        for name in ("detect_every_s", "across_s", "coast_s", "max_age_s", "reid_s", "tentative_s"):
            check_number(name, getattr(self, name), finite=True)
        for name in ("min_score", "min_low_score"):
            if (value := getattr(self, name)) is not None:
                check_number(name, value, 0, 1)
        for name in ("min_appearance", "min_appearance_nearby"):
            check_number(name, getattr(self, name), -1, 1)


@dataclass(frozen=True)
class TrackedFace(Face):
    """A face in one frame, with the number of its track."""

    track: int = field(kw_only=True)  # from 1, in the order of first sight; steady over a video
    # whether the detector found it in this frame; otherwise it was followed here, and `score` is
    # that of the last detection
    detected: bool = field(kw_only=True)


class Tracker:
    """Gives the faces of one video their numbers, frame by frame.

        tracker = Tracker(YuNetDetector())
        for frame, faces in tracker.over(frames("interview.mp4")):
            ...

    Its memory does not grow with the video, but with the faces of the last `reid_s` seconds.

    Args:
        detector: finds the faces of detection frames.
        settings: how faces are followed.

    Attributes:
        detection_frames: how many frames have been searched by the detector so far.
        merged: number -> number, of faces that were first taken for new ones and then recognized;
            forgotten with the face.
    """

    FOLLOW_PIXELS: Final = 640 * 360  # of the gray image that faces are followed in, at most
    PLACE_MARGIN: Final = 0.3  # of the box, by which both are enlarged to be compared
    LOST_MARGIN_PER_S: Final = 1.0  # likewise, for each second since the face was seen
    MIN_PLACE: Final = 0.1  # IoU of the enlarged boxes
    MIN_LOW_PLACE: Final = 0.3  # likewise, of a face with a low score
    # A face that is less alike does not continue a lost track; half hidden, it is hardly itself.
    MIN_APPEARANCE_LOST: Final = 0.35
    TOUCHING_IOU: Final = 0.02  # of two faces that may hide each other: appearance decides
    HIDDEN_IOU: Final = 0.2  # with a face that was found: what is followed there is that face
    MAX_MARGIN: Final = 1.5
    MAX_STEP_S: Final = 0.4  # between two frames; after longer ones appearance decides, too
    APPEARANCE_EVERY_S: Final = 0.5
    APPEARANCE_MEMORY: Final = 0.8  # share of the old appearance that stays at each renewal
    RETRY_S: Final = 0.3  # for which every frame is a detection frame after a face was lost
    CUT_CORRELATION: Final = 0.35  # of two frames' thumbnails; less is a cut
    THUMBNAIL: Final = (32, 18)
    SEARCH_EVERY_S: Final = 1.0  # at the latest, also where nothing seems to have changed
    MIN_CHANGE: Final = 2.5  # of 255 gray levels, of a part of the thumbnail
    BODY_MARGIN: Final = 1.0  # of a face's sides: around it and below nothing counts as new
    MOST_LOOKS: Final = 8  # faces; a search takes no longer
    MIN_LOOK: Final = 0.4  # IoU of what a look shows with what was expected
    ACROSS_BYTES: Final = 64_000_000  # of the frames that are followed across, at most

    def __init__(self, detector: Detector, settings: TrackingSettings | None = None) -> None:
        self.settings = settings or TrackingSettings()
        low_score, min_score = self.settings.min_low_score, self.settings.min_score
        if isinstance(detector, YuNetDetector):
            if min_score is None:
                # What second looks would confirm or drop is unsure without them.
                own = detector.min_score
                min_score = detector.SURE_SCORE if own == detector.MIN_SCORE else own
            detector = YuNetDetector(
                min_score=min(low_score, detector.min_score),
                min_face_px=detector.min_face_px,
                full_size=detector.full_size,
                second_looks=False,
            )
        self.detector = detector
        self.detection_frames = 0
        self.merged: dict[int, int] = {}
        self._min_score = 0.0 if min_score is None else min_score
        self._tracks: list[_Track] = []
        self._numbers = 0
        self._before: Gray | None = None
        self._thumbnail: Floats | None = None
        self._time_s = -math.inf
        self._searched: Floats | None = None
        self._detection_time_s = self._search_time_s = self._alone_until_s = -math.inf
        self._sure = False  # all faces were followed to the last frame

    def over(
        self, frames: "Iterable[Frame]", *, at_once: bool = True
    ) -> "Iterator[tuple[Frame, list[TrackedFace]]]":
        """The faces of each frame of a file.

        Args:
            frames: where a time is before that of the frame before, that one counts.
            at_once: otherwise each frame is given before the next one is asked for, as by a call.
        Yields:
            Each frame with the faces that are seen in it, in the order of their numbers.
        Raises:
            MienError: as `frames` raises; those before have then been given.
        """
        iterator, held = iter(frames), list["Frame"]()
        while True:
            try:
                frame = next(iterator, None)
            except MienError:
                yield from self._faces_of(held)
                raise
            if frame is not None:
                held.append(frame)
                if at_once and self._may_wait(held):
                    continue
            yield from self._faces_of(held)
            if frame is None:
                return
            held = []

    def _may_wait(self, held: "list[Frame]") -> bool:
        """Whether the last of these frames needs no search, and the next is likely near."""
        time_s, waited = held[-1].time_s, len(held)
        before_s = held[-2].time_s if waited > 1 else self._time_s
        step_s = (time_s - self._time_s) / waited
        return (
            self._sure
            and time_s > max(before_s, self._alone_until_s)
            and time_s - self._detection_time_s < self.settings.detect_every_s - 1e-4
            and step_s * (waited + 1) <= self.settings.across_s + 1e-4
            and held[-1].image.nbytes * (waited + 1) <= self.ACROSS_BYTES
        )

    def _faces_of(self, held: "list[Frame]") -> "Iterator[tuple[Frame, list[TrackedFace]]]":
        until_s = self._time_s + self.settings.across_s + 1e-4
        if len(held) > 1 and held[-2].time_s < held[-1].time_s <= until_s:
            across = self._across(held)
            if across is not None:
                yield from zip(held, across, strict=True)
                return
            self._alone_until_s = held[-1].time_s + self.RETRY_S
        for frame in held:
            yield frame, self(frame.image, max(frame.time_s, self._time_s))

    def _across(self, frames: "list[Frame]") -> list[list[TrackedFace]] | None:
        """Follow the faces to the last of these frames at once; None where that is unsure."""
        last = frames[-1]
        gray, scale = shrunk_gray(last.image, self.FOLLOW_PIXELS)
        thumbnail = _thumbnail_of(gray, self.THUMBNAIL)
        if self._before is None or self._before.shape != gray.shape:
            return None
        if self._is_cut(self._thumbnail, thumbnail):
            return None
        sample = _sample_of(last.image, self.THUMBNAIL)
        if any(self._is_cut(sample, _sample_of(f.image, self.THUMBNAIL)) for f in frames[:-1]):
            return None
        steps: dict[_Track, SimilarityTransform] = {}
        for track in self._tracks:
            if track.seen:
                expected = track.expected_in(last.time_s - self._time_s)
                step = track.step(self._before, gray, expected, scale)
                if step is None:
                    return None
                steps[track] = step
        begin_s, places = self._time_s, {t: (t.box, t.landmarks) for t in steps}
        given = []
        for frame in frames:
            step_s, self._time_s = frame.time_s - self._time_s, frame.time_s
            share = (frame.time_s - begin_s) / (last.time_s - begin_s)
            for track in self._tracks:
                track.advance(frame.time_s, step_s)
                if track in steps:
                    track.move(steps[track].part(share), *places[track])
            if frame is not last:
                given.append(self._seen())
        self._thumbnail = thumbnail
        self._forget()
        given.append(self._found(last.image, gray, scale, self._is_sure(), last.time_s - begin_s))
        return given

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
            raise OptionError(f"expected {self._time_s} or later; got {time_s}", argument="time_s")
        every_frame = self.settings.detect_every_s == 0.0
        gray, scale = shrunk_gray(image, self.FOLLOW_PIXELS)
        before, self._thumbnail = self._thumbnail, _thumbnail_of(gray, self.THUMBNAIL)
        cut = self._is_cut(before, self._thumbnail)
        step_s = time_s - self._time_s
        far = step_s > self.MAX_STEP_S
        for track in self._tracks:
            track.advance(time_s, min(step_s, self.MAX_STEP_S))
            if cut:
                track.leave()
            elif far:
                track.lose()
        self._time_s = time_s
        self._forget()
        # Where all faces have just been lost they are searched for, even if nothing has changed.
        sure = not (cut or far)
        # On detection frames, too: where faces touch, the flow tells them apart.
        if self._before is not None and not every_frame and sure:
            self._follow(self._before, gray, scale)
            sure = self._is_sure()
        return self._found(image, gray, scale, sure, step_s)

    def _found(
        self, image: Image, gray: Gray, scale: float, sure: bool, step_s: float
    ) -> list[TrackedFace]:
        """The faces of a frame that they have been followed to, or surely not."""
        due = self._time_s - self._detection_time_s >= self.settings.detect_every_s - 1e-4
        if not sure or (due and not self._look(image, gray, scale)):
            self._detect(image, gray, scale, step_s)
        self._before, self._sure = gray, sure
        return self._seen()

    def _seen(self) -> list[TrackedFace]:
        return [track.face() for track in self._tracks if track.seen]

    @property
    def known(self) -> set[int]:
        """The numbers of the faces that may still be seen again."""
        return {track.number for track in self._tracks}

    @property
    def tentative(self) -> bool:
        """Whether a face in the last frame may yet turn out to be one that was there before."""
        return any(t.seen and self._is_tentative(t) for t in self._tracks) and any(
            not t.seen for t in self._tracks
        )

    def _is_tentative(self, track: "_Track") -> bool:
        return self._time_s - track.born_s < self.settings.tentative_s

    def _is_cut(self, before: Floats | None, after: Floats) -> bool:
        """Whether a small image is of another scene than the one before."""
        if before is None or before.shape != after.shape:
            return before is not None
        energy = float(np.linalg.norm(before) * np.linalg.norm(after))
        # Of two images that are nearly flat, noise is all there is to compare.
        flat = 4.0 * after.size
        return energy > flat and float((before * after).sum()) < self.CUT_CORRELATION * energy

    def _forget(self) -> None:
        keep_s = max(self.settings.reid_s, self.settings.max_age_s)
        self._tracks = [t for t in self._tracks if self._time_s - t.seen_s <= keep_s]
        known = self.known
        self.merged = {new: old for new, old in self.merged.items() if old in known}

    def _follow(self, before: Gray, gray: Gray, scale: float) -> None:
        """Move the faces by optical flow."""
        for track in self._tracks:
            if track.seen and before.shape == gray.shape:
                step = track.step(before, gray, track.expected, scale)
                if step is None:
                    track.lose()
                else:
                    track.move(step, track.box, track.landmarks)

    def _is_sure(self) -> bool:
        """Whether all faces are surely followed."""
        shown = [track.box for track in self._tracks if track.seen]
        touching = any(iou(*pair) > self.TOUCHING_IOU for pair in combinations(shown, 2))
        just_lost = any(
            not (track.seen or track.left) and track.lost_for(self._time_s) <= self.RETRY_S
            for track in self._tracks
        )
        return not (touching or just_lost)

    def _look(self, image: Image, gray: Gray, scale: float) -> bool:
        """Look at the places of the faces alone; False where the frame is to be searched for more.

        Where nothing has changed but the faces, no other has come.
        """
        tracks = [track for track in self._tracks if track.seen]
        if (
            not isinstance(self.detector, YuNetDetector)
            or self.settings.detect_every_s == 0.0
            or self.tentative
            or len(tracks) > self.MOST_LOOKS
            or self._time_s - self._search_time_s >= self.SEARCH_EVERY_S - 1e-4
            or any(inside_of(track.box, image.shape[1::-1]) < 1.0 for track in tracks)
            or self._has_changed(tracks, gray, scale)
        ):
            return False
        faces = self.detector.look_at(image, [track.face() for track in tracks])
        matched = {
            track: face
            for track, face in zip(tracks, faces, strict=True)
            if face is not None
            and face.score >= self._min_score
            and iou(track.box, face.box) >= self.MIN_LOOK
        }
        if len(matched) < len(tracks):
            return False
        self._detection_time_s = self._time_s
        appearance = AppearanceOf(image, self.detector.framing)
        self._correct(matched, list(matched.values()), appearance, gray, scale)
        return True

    def _has_changed(self, tracks: "list[_Track]", gray: Gray, scale: float) -> bool:
        """Whether anything has, since the frame was searched, but the faces and what is below."""
        if self._thumbnail is None or self._searched is None:
            return True
        changed = np.abs(self._thumbnail - self._searched) > self.MIN_CHANGE
        across, down = (
            scale * a / b for a, b in zip(self.THUMBNAIL, gray.shape[::-1], strict=True)
        )
        for track in tracks:
            x0, y0, x1, _ = _enlarged(track.box, self.BODY_MARGIN)
            left, top, right = int(max(x0 * across, 0)), int(max(y0 * down, 0)), int(x1 * across)
            changed[top:, left : max(right, 0) + 1] = False
        return bool(changed.any())

    def _detect(self, image: Image, gray: Gray, scale: float, step_s: float) -> None:
        """Search the frame, and share its faces out among the tracks."""
        settings = self.settings
        self.detection_frames += 1
        self._detection_time_s = self._search_time_s = self._time_s
        self._searched = self._thumbnail
        found = [f for f in self.detector.detect(image) if f.size_px > 0.0]
        sure = [f for f in found if f.score >= self._min_score]
        unsure = [f for f in found if settings.min_low_score <= f.score < self._min_score]
        appearance = AppearanceOf(image, self.detector.framing)
        lost_s = max(settings.max_age_s, step_s)
        near = [t for t in self._tracks if not t.left and t.lost_for(self._time_s) <= lost_s]

        matched = self._match(near, sure, appearance, self.MIN_PLACE)
        open_tracks = [t for t in near if t not in matched]
        matched |= self._match(
            [t for t in open_tracks if t.seen or t.lost_for(self._time_s) < settings.coast_s],
            unsure,
            appearance,
            self.MIN_LOW_PLACE,
        )
        taken = list(matched.values())
        new = [f for f in sure if not any(f is other for other in taken)]
        gone = [t for t in self._tracks if t not in matched and not t.seen]
        young = {face: track for track, face in matched.items() if self._is_tentative(track)}
        for track, face in self._match_returned(gone, [*new, *young], appearance).items():
            if face in young and track.seen_s < young[face].born_s:
                self._merge(young[face], track)
                del matched[young[face]]
            if face not in matched.values():
                matched[track] = face
        self._correct(matched, found, appearance, gray, scale)
        for face in new:
            if not any(face is other for other in matched.values()):
                self._numbers += 1
                track = _Track(self._numbers, face, appearance(face), self._time_s, gray, scale)
                self._tracks.append(track)
                matched[track] = face
        self._drop_unmatched(matched)

    def _correct(
        self,
        matched: "dict[_Track, Face]",
        found: list[Face],
        appearance: AppearanceOf,
        gray: Gray,
        scale: float,
    ) -> None:
        """Take in where tracks were found, and now and then how they look."""
        for track, face in matched.items():
            renew = self._time_s - track.appearance_s >= self.APPEARANCE_EVERY_S
            # What is beside it, or before it, is not how it looks.
            renew = renew and not any(
                other is not face and iou(_enlarged(other.box, self.PLACE_MARGIN), face.box) > 0.0
                for other in found
            )
            track.correct(face, appearance(face) if renew else None, self._time_s, gray, scale)

    def _merge(self, new: "_Track", old: "_Track") -> None:
        """What was taken for a new face is one that was gone."""
        self._tracks.remove(new)
        self.merged[new.number] = old.number
        for number, name in self.merged.items():
            if name == new.number:
                self.merged[number] = old.number

    def _match(
        self,
        tracks: list["_Track"],
        faces: list[Face],
        appearance: "AppearanceOf",
        min_place: float,
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
                alike = float(tracks[i].appearance @ appearance(faces[j]))
            if tracks[i].seen or self._continues(tracks[i], alike, appearance(faces[j])):
                pairs.append((place + alike, i, j))
        return {tracks[i]: faces[j] for i, j in _best_first(pairs)}

    def _continues(self, track: "_Track", alike: float, appearance: Floats) -> bool:
        """Whether a face may be that of a lost track; not if it is more like another lost one."""
        others = (t for t in self._tracks if not t.seen and t is not track)
        return alike >= max(
            self.MIN_APPEARANCE_LOST, *(float(t.appearance @ appearance) for t in others), 0.0
        )

    def _match_returned(
        self, tracks: list["_Track"], faces: list[Face], appearance: "AppearanceOf"
    ) -> dict["_Track", Face]:
        """Tracks out of sight and the faces that look like them; the most alike first."""
        pairs = []
        for i, track in enumerate(tracks):
            for j, face in enumerate(faces):
                alike = float(track.appearance @ appearance(face))
                nearby = not track.left and iou(_enlarged(track.box, 1.0), face.box) > 0.0
                enough = (
                    self.settings.min_appearance_nearby if nearby else self.settings.min_appearance
                )
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
        self, number: int, face: Face, appearance: Floats, time_s: float, gray: Gray, scale: float
    ) -> None:
        self.number = number
        self.born_s = time_s
        self.seen = True
        self.left = False  # by a cut: its place says nothing any more
        self.appearance = appearance
        self.appearance_s = time_s
        self.motion = KalmanFilter(face.box)
        self._set(face, time_s, gray, scale)

    def _set(self, face: Face, time_s: float, gray: Gray, scale: float) -> None:
        self.box, self.landmarks, self.score = face.box, face.landmarks, face.score
        self.expected = face.box
        self.seen_s = self.detected_s = self._now_s = time_s
        self.patch = patch_of(gray, face.box, scale, self.PATCH)

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

    def expected_in(self, step_s: float) -> Box:
        """Where it is expected so many seconds later."""
        motion = copy(self.motion)
        motion.predict(step_s)
        return motion.box()

    def step(
        self, before: Gray, gray: Gray, expected: Box, scale: float
    ) -> SimilarityTransform | None:
        """How it has moved; None where that is unsure, or where it no longer looks like itself."""
        step = flow(before, gray, self.box, expected, scale)
        if step is None:
            return None
        patch = patch_of(gray, step.box(self.box), scale, self.PATCH)
        return step if float((patch * self.patch).sum()) >= self.MIN_CORRELATION else None

    def move(self, step: SimilarityTransform, box: Box, landmarks: Landmarks | None) -> None:
        """It has moved so from where it was, and is seen there."""
        self.box = step.box(box)
        self.landmarks = None if landmarks is None else step.points(landmarks)
        self.motion.correct(self.box)
        self.expected, self.seen_s = self.box, self._now_s

    def correct(
        self, face: Face, appearance: Floats | None, time_s: float, gray: Gray, scale: float
    ) -> None:
        """It is this face that the detector found."""
        if self.left or time_s - self.seen_s > Tracker.RETRY_S:
            self.motion = KalmanFilter(face.box)
        else:
            self.motion.correct(face.box)
        self.seen, self.left = True, False
        if appearance is not None:
            mixed = (
                Tracker.APPEARANCE_MEMORY * self.appearance
                + (1.0 - Tracker.APPEARANCE_MEMORY) * appearance
            )
            self.appearance, self.appearance_s = mixed / np.linalg.norm(mixed), time_s
        self._set(face, time_s, gray, scale)

    def lose(self) -> None:
        self.seen = False

    def leave(self) -> None:
        """The scene has changed: it may return anywhere."""
        self.seen, self.left = False, True


def _thumbnail_of(gray: Gray, size: tuple[int, int]) -> Floats:
    """The image shrunk, mean 0."""
    small = cv2.resize(gray, size, interpolation=cv2.INTER_AREA).astype(float)
    return np.asarray(small - small.mean())


def _sample_of(image: Image, size: tuple[int, int]) -> Floats:
    """Single pixels, mean 0: tell another scene from this one at next to no cost."""
    down, across = (
        max(1, side // count) for side, count in zip(image.shape, size[::-1], strict=False)
    )
    pixels = image[::down, ::across].mean(2)
    return np.asarray(pixels - pixels.mean())


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
