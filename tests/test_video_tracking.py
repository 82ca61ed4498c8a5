import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import pytest

from mien.errors import OptionError, VideoError
from mien.readings import Box, Face, Image
from mien.recognize.candidates import iou
from mien.recognize.faces import Framing, HaarDetector, YuNetDetector
from mien.recognize.video.appearance import appearance_of
from mien.recognize.video.frames import Frame
from mien.recognize.video.tracking import TrackedFace, Tracker, TrackingSettings

WIDTH, HEIGHT, FPS = 320, 240, 25
SIZE = 48  # of a drawn face

Place = tuple[float, float]
"""Centre of a face, in pixels."""

Walk = Callable[[float], Place | None]
"""Time in seconds -> where a face is, None where it is not in the video."""


@dataclass
class Video:
    """Drawn people who walk about; it detects what it has drawn, as a detector would.

    Attributes:
        walks: of each person; the later ones are in front.
        blind: (first, last) second in which the detector finds nothing.
        score: of every face, or of a time in seconds.
    """

    walks: Sequence[Walk]
    blind: tuple[float, float] = (math.inf, math.inf)
    score: Callable[[float], float] = lambda time_s: 0.9
    framing: Framing = field(default_factory=lambda: Framing(1.0, 0.0, 0.0))
    searches: int = 0
    time_s: float = 0.0
    drawn: dict[int, tuple[Image, float]] = field(default_factory=dict)

    def frame(self, time_s: float) -> Image:
        self.time_s = time_s
        ground = np.random.default_rng(99).integers(90, 160, (15, 20, 3)).astype(np.uint8)
        image = np.asarray(cv2.resize(ground, (WIDTH, HEIGHT)), np.uint8)
        for number, walk in enumerate(self.walks):
            if place := walk(time_s):
                paste(image, person(number), place)
        self.drawn[id(image)] = image, time_s
        return image

    def boxes(self) -> dict[int, Box]:
        """Of the faces that are seen, at least half of each, by person."""
        found: dict[int, Box] = {}
        for number, walk in enumerate(self.walks):
            place = walk(self.time_s)
            if place and 0 <= place[0] < WIDTH and 0 <= place[1] < HEIGHT:
                box = around(place)
                found = {n: b for n, b in found.items() if iou(b, box) < 0.3}
                found[number] = box
        return found

    def detect(self, image: Image) -> list[Face]:
        self.searches += 1
        if id(image) in self.drawn:  # frames that came after it may be drawn already
            self.time_s = self.drawn[id(image)][1]
        if self.blind[0] <= self.time_s < self.blind[1]:
            return []
        return [Face(box, self.score(self.time_s)) for box in self.boxes().values()]


def person(number: int) -> Image:
    """A face of coarse random patches, and a body of one color under it: (2 SIZE, SIZE, 3)."""
    random = np.random.default_rng(number)
    face = random.integers(0, 256, (6, 6, 1)).astype(np.uint8).repeat(3, 2)
    body = np.full((SIZE, SIZE, 3), random.integers(0, 256, 3), np.uint8)
    return np.concatenate([cv2.resize(face, (SIZE, SIZE)), body]).astype(np.uint8)


def paste(image: Image, patch: Image, place: Place) -> None:
    shift = np.array([[1, 0, place[0] - SIZE / 2], [0, 1, place[1] - SIZE / 2]], np.float32)
    mode = cv2.BORDER_TRANSPARENT
    cv2.warpAffine(patch, shift, (WIDTH, HEIGHT), dst=image, borderMode=mode)


def around(place: Place) -> Box:
    half = SIZE / 2
    return place[0] - half, place[1] - half, place[0] + half, place[1] + half


def times(seconds: float, fps: float = FPS) -> list[float]:
    return [i / fps for i in range(round(seconds * fps))]


def still(x: float, y: float = 100.0) -> Walk:
    return lambda time_s: (x, y)


def line(x0: float, x1: float, seconds: float, y: float = 100.0) -> Walk:
    return lambda time_s: (x0 + (x1 - x0) * min(time_s / seconds, 1.0), y)


def follow(
    video: Video, at_s: Sequence[float], settings: TrackingSettings | None = None
) -> list[list[TrackedFace]]:
    drawn = (Frame(i, time_s, video.frame(time_s)) for i, time_s in enumerate(at_s))
    return [faces for _, faces in Tracker(video, settings).over(drawn)]


def tracks_of(video: Video, at_s: Sequence[float], followed: list[list[TrackedFace]]) -> list[int]:
    """The different numbers of each person in turn, and -1 for faces on nobody."""
    numbers: dict[int, list[int]] = {}
    for time_s, faces in zip(at_s, followed, strict=True):
        video.time_s = time_s
        for face in faces:
            boxes = video.boxes()
            who = max(boxes, key=lambda n: iou(boxes[n], face.box), default=-1)
            if who >= 0 and iou(boxes[who], face.box) < 0.3:
                who = -1
            seen = numbers.setdefault(who, [])
            if face.track not in seen:
                seen.append(face.track)
    return [track for who in sorted(numbers) for track in (numbers[who] if who >= 0 else [-1])]


EVERY_FRAME = TrackingSettings(detect_every_s=0.0)
BETWEEN = TrackingSettings()
EACH_TO_NEXT = TrackingSettings(across_s=0.0)
ALL = pytest.mark.parametrize(
    "settings", [EVERY_FRAME, BETWEEN, EACH_TO_NEXT], ids=["every", "between", "each to next"]
)


@ALL
def test_faces_keep_their_numbers_through_motion(settings: TrackingSettings) -> None:
    video = Video([line(40, 280, 2.0, y=70), line(280, 40, 2.0, y=170)])
    at_s = times(2.0)
    followed = follow(video, at_s, settings)
    assert [len(faces) for faces in followed] == [2] * len(at_s)
    assert tracks_of(video, at_s, followed) == [1, 2]


@pytest.mark.parametrize("fps", [FPS, 60, 240])
@pytest.mark.parametrize("settings", [BETWEEN, EACH_TO_NEXT], ids=["between", "each to next"])
def test_between_detection_frames_faces_are_followed_to_the_pixel(
    settings: TrackingSettings, fps: float
) -> None:
    video = Video([line(60, 260, 2.0)])
    at_s = times(2.0, fps)
    followed = follow(video, at_s, settings)
    assert video.searches <= 2.0 / 0.12
    for time_s, faces in zip(at_s, followed, strict=True):
        video.time_s = time_s
        assert iou(faces[0].box, video.boxes()[0]) > 0.9
    assert {face.detected for faces in followed for face in faces} == {True, False}


def test_landmarks_move_with_the_face() -> None:
    video = Video([line(60, 260, 2.0)])
    eyes = ((50.0, 90.0), (70.0, 90.0), (60.0, 100.0), (52.0, 112.0), (68.0, 112.0))
    video.detect = lambda image: [Face(around((60.0, 100.0)), 0.9, eyes)]  # type: ignore[method-assign]
    tracker = Tracker(video, TrackingSettings(detect_every_s=10.0))
    for time_s in times(0.4):
        faces = tracker(video.frame(time_s), time_s)
    moved = 200 / 2.0 * 9 / FPS
    assert faces[0].landmarks is not None
    for (x, y), (x0, y0) in zip(faces[0].landmarks, eyes, strict=True):
        assert (x, y) == pytest.approx((x0 + moved, y0), abs=2.0)


SCENES: dict[str, tuple[float, list[int], list[Walk]]] = {
    "two that cross": (2.5, [1, 2], [line(60, 260, 2.0), line(260, 60, 2.0, y=104)]),
    "one that a pillar hides for a moment": (2.4, [1, 2], [line(40, 280, 2.4), still(160)]),
    "one that leaves and returns elsewhere": (
        *(5.0, [1]),
        [lambda t: (80.0, 80.0) if t < 1 else (230.0, 130.0) if t > 4 else None],
    ),
    "another at the same place": (
        *(3.5, [1, 2]),
        [
            lambda t: (160.0, 100.0) if t < 1 else None,
            lambda t: (160.0, 100.0) if t > 2.5 else None,
        ],
    ),
}
"""Seconds, numbers in the order of the people, and how they walk; who is away is not made up."""


@ALL
@pytest.mark.parametrize("scene", SCENES)
def test_who_is_who_is_told(scene: str, settings: TrackingSettings) -> None:
    seconds, numbers, walks = SCENES[scene]
    video, at_s = Video(walks), times(seconds)
    assert tracks_of(video, at_s, follow(video, at_s, settings)) == numbers


def test_who_stays_away_too_long_is_new() -> None:
    video = Video([lambda t: (160.0, 100.0) if t < 1 or t > 4 else None])
    at_s = times(5.0)
    settings = TrackingSettings(max_age_s=0.5, reid_s=2.0)
    assert tracks_of(video, at_s, follow(video, at_s, settings)) == [1, 2]


def test_a_new_face_is_seen_after_one_key_frame_at_most() -> None:
    video = Video([still(80), lambda t: (240.0, 100.0) if t >= 1.01 else None])
    at_s = times(1.4)
    counts = [len(faces) for faces in follow(video, at_s)]
    first_s = at_s[counts.index(2)]
    assert 1.01 <= first_s <= 1.01 + BETWEEN.detect_every_s + 1 / FPS


SURE = TrackingSettings(detect_every_s=0.0, min_score=0.8, min_low_score=0.5)


@pytest.mark.parametrize(
    ("video", "settings", "seen_s", "gone_s"),
    [
        (Video([line(60, 200, 2.0)], blind=(0.9, 1.3)), BETWEEN, 2.0, 2.0),  # missed for a while
        (Video([still(160)], blind=(0.5, math.inf)), BETWEEN, 0.5, 1.4),  # but not for ever
        # Unsure faces continue tracks and begin none.
        (Video([still(160)], score=lambda t: 0.9 if t < 0.3 else 0.6), SURE, 2.0, 2.0),
        (Video([still(160)], score=lambda t: 0.6), SURE, 0.0, 0.0),
        (Video([still(160)], score=lambda t: 0.9 if t < 0.3 else 0.4), SURE, 0.3, 0.9),
    ],
)
def test_a_face_that_is_hardly_found_is_followed_for_a_while(
    video: Video, settings: TrackingSettings, seen_s: float, gone_s: float
) -> None:
    followed = follow(video, times(2.0), settings)
    seen, gone = round(seen_s * FPS), round(gone_s * FPS)
    assert [[face.track for face in faces] for faces in followed[:seen]] == [[1]] * seen
    assert not any(followed[gone:])


def test_a_cut_is_noticed_at_once_and_looks_decide_who_is_who() -> None:
    video = Video(
        [
            lambda t: (100.0, 90.0) if t < 1.01 or t > 2.01 else None,
            lambda t: (100.0, 90.0) if 1.01 < t < 2.01 else None,
        ]
    )
    grounds = [
        np.random.default_rng(i).integers(0, 256, (4, 5, 3)).astype(np.uint8) for i in (7, 8)
    ]
    tracker = Tracker(video, TrackingSettings(detect_every_s=0.5))
    tracks = []
    for time_s in times(3.0):
        video.time_s = time_s
        ground = grounds[1 if 1.01 < time_s < 2.01 else 0]
        image = np.asarray(cv2.resize(ground, (WIDTH, HEIGHT)), np.uint8)
        for number, walk in enumerate(video.walks):
            if place := walk(time_s):
                paste(image, person(number), place)
        tracks.append([face.track for face in tracker(image, time_s)])
    assert tracks == [[1]] * 26 + [[2]] * 25 + [[1]] * 24


def test_a_frame_of_another_scene_between_two_alike_shows_nobody() -> None:
    at_s = times(0.6)
    video = Video([lambda t: None if t == at_s[7] else (100.0, 100.0)])
    images = [video.frame(time_s) for time_s in at_s]
    other = np.random.default_rng(7).integers(0, 256, (4, 5, 3)).astype(np.uint8)
    cv2.resize(other, (WIDTH, HEIGHT), dst=images[7])
    frames = [
        Frame(i, time_s, image) for i, (time_s, image) in enumerate(zip(at_s, images, strict=True))
    ]
    tracks = [[face.track for face in faces] for _, faces in Tracker(video).over(frames)]
    assert tracks == [[1]] * 7 + [[]] + [[1]] * 7


class CountedFrames:
    """A still face in frames that are counted as they are asked for, and end in an error."""

    def __init__(self, at_s: Sequence[float]) -> None:
        self.video, self.at_s, self.asked = Video([still(160)]), at_s, 0
        self.image = self.video.frame(0.0)

    def __iter__(self) -> Iterator[Frame]:
        for i, time_s in enumerate(self.at_s):
            self.asked += 1
            yield Frame(i, time_s, self.image)
        raise VideoError("expected another frame; got none")


@pytest.mark.parametrize(
    ("at_s", "at_once", "held", "ahead"),
    [
        (times(1.0), True, 99, 1),
        (times(1.0, fps=60), True, 99, 5),
        (times(1.0, fps=60), True, 2, 1),  # large ones
        (times(1.0), False, 99, 0),  # somebody may be watching
        (times(1.0, fps=10), True, 99, 0),
        ([0.0] * 30, True, 99, 0),  # no next one might ever come
        ([0.04, 0.0] * 15, True, 99, 0),
        ([i / 25 - (i % 5 == 4) * 0.06 for i in range(25)], True, 99, 1),  # it jumps back
        ([i / 25 + i // 6 for i in range(25)], True, 99, 1),  # and a second on
    ],
)
def test_frames_wait_for_the_next_for_a_moment_and_none_is_lost(
    at_s: list[float], at_once: bool, held: int, ahead: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames, given, most = CountedFrames(at_s), list[Frame](), 0
    monkeypatch.setattr(Tracker, "ACROSS_BYTES", held * frames.image.nbytes)

    def follow_all() -> None:
        nonlocal most
        for frame, faces in Tracker(frames.video).over(frames, at_once=at_once):
            assert [face.track for face in faces] == [1]
            given.append(frame)
            most = max(most, frames.asked - len(given))

    with pytest.raises(VideoError, match="expected another frame"):
        follow_all()
    assert [frame.index for frame in given] == list(range(len(at_s)))
    assert most == ahead


@pytest.mark.parametrize("step_s", [0.5, 2.0])
def test_frames_far_apart_keep_numbers_too(step_s: float) -> None:
    video = Video([still(80), still(240)])
    at_s = [i * step_s for i in range(8)]
    for settings in (BETWEEN, EVERY_FRAME):
        followed = follow(video, at_s, settings)
        assert tracks_of(video, at_s, followed) == [1, 2]
        assert all(face.detected for faces in followed for face in faces)


@pytest.mark.parametrize("detect_every_s", [0.15, 2.0])
def test_a_still_face_is_seen_in_each_of_frames_far_apart(
    portrait_image: Image, detect_every_s: float
) -> None:
    tracker = Tracker(YuNetDetector(), TrackingSettings(detect_every_s=detect_every_s))
    tracks = [[f.track for f in tracker(portrait_image, 0.5 * i)] for i in range(5)]
    assert tracks == [[1]] * 5


def test_frames_at_the_same_time_and_of_another_size_are_taken() -> None:
    video = Video([still(160)])
    tracker = Tracker(video)
    image = video.frame(0.0)
    assert [f.track for f in tracker(image, 0.0)] == [1]
    assert [f.track for f in tracker(image, 0.0)] == [1]
    larger = np.asarray(cv2.resize(image, (640, 480)), np.uint8)
    assert len(tracker(larger, 0.04)) == 1


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 300, 3), (240, 320, 3), (2160, 3840, 3)])
def test_images_of_any_size_without_a_face_give_none(shape: tuple[int, int, int]) -> None:
    tracker = Tracker(Video([]))
    for time_s in (0.0, 0.2, 0.4):
        assert tracker(np.zeros(shape, np.uint8), time_s) == []


def test_a_real_face_is_followed_through_a_pan_and_a_zoom(portrait_image: Image) -> None:
    detector = YuNetDetector()
    tracker = Tracker(detector)
    numbers = set()
    for i in range(40):
        scale = 0.8 + 0.01 * i
        turn = np.array([[scale, 0, 4.0 * i - 60], [0, scale, -1.0 * i]], np.float32)
        image = np.asarray(cv2.warpAffine(portrait_image, turn, (512, 400)), np.uint8)
        (face,) = tracker(image, i / 25)
        (alone,) = detector.detect(image)
        assert iou(face.box, alone.box) > 0.7
        numbers.add(face.track)
    assert numbers == {1}
    assert tracker.detection_frames <= 14


def scene(portrait: Image, at_s: float, *, newcomer: bool) -> Image:
    """Somebody who nods beside a plain wall, and from 0.5 s on perhaps a smaller one there."""
    image = np.full((480, 960, 3), 120, np.uint8)
    head = portrait[:, 120:330]
    down = round(4 * math.sin(5 * at_s)) + 10
    image[down : down + 400, 40:250] = head[:400]
    if newcomer and at_s >= 0.5:
        image[100:300, 700:805] = cv2.resize(head[:400], (105, 200), interpolation=cv2.INTER_AREA)
    return image


@pytest.mark.parametrize("newcomer", [False, True])
def test_a_frame_is_searched_where_more_has_changed_than_known_faces(
    portrait_image: Image, newcomer: bool
) -> None:
    tracker = Tracker(YuNetDetector())
    searched, first_s = [], math.inf
    for time_s in times(2.0):
        before = tracker.detection_frames
        image = scene(portrait_image, time_s, newcomer=newcomer)
        faces = tracker(image, time_s)
        if tracker.detection_frames > before:
            searched.append(time_s)
        if len(faces) == 2:
            first_s = min(first_s, time_s)
        alone = YuNetDetector().detect(image)
        assert all(max(iou(face.box, one.box) for one in alone) > 0.8 for face in faces)
        # A look finds the face anew, as a search does.
        assert time_s % 0.16 > 0.01 or all(face.detected for face in faces)
    if newcomer:
        assert first_s <= 0.66  # by the next detection frame
        assert [time_s for time_s in searched if 0.0 < time_s < 0.5] == []
    else:
        assert searched == [0.0, pytest.approx(1.0, abs=0.17)]


def test_a_face_is_searched_for_that_a_look_does_not_find(portrait_image: Image) -> None:
    tracker = Tracker(YuNetDetector())
    for time_s in times(0.5):
        assert len(tracker(scene(portrait_image, time_s, newcomer=False), time_s)) == 1
    searched = tracker.detection_frames
    hidden = scene(portrait_image, 0.5, newcomer=False)
    hidden[60:260, 40:250] = 60
    for time_s in (0.52, 0.56, 0.6, 0.64, 0.68):
        faces = tracker(hidden, time_s)
    assert faces == []
    assert tracker.detection_frames > searched


def test_yunet_is_asked_for_unsure_faces_with_its_own_options() -> None:
    own = Tracker(YuNetDetector(min_score=0.9, min_face_px=33.0, full_size=True)).detector
    assert isinstance(own, YuNetDetector)
    assert (own.min_score, own.min_face_px, own.full_size) == (0.5, 33.0, True)
    for detector in (own, Tracker(YuNetDetector(min_score=0.3)).detector):
        assert not detector.second_looks  # type: ignore[attr-defined]  # many frames have no face
    haar = HaarDetector()
    assert Tracker(haar).detector is haar


def test_memory_of_faces_ends() -> None:
    video = Video([lambda t: (60.0 + 200 * ((t // 1) % 2), 100.0)])
    settings = TrackingSettings(detect_every_s=0.0, max_age_s=0.1, reid_s=0.3, min_appearance=1.0)
    tracker = Tracker(video, settings)
    for time_s in times(8.0, fps=10):
        tracker(video.frame(time_s), time_s)
        assert len(tracker.known) <= 2
        assert len(tracker.merged) <= 2


def test_looks_tell_the_same_from_another() -> None:
    video = Video([still(80), still(240)])
    image = video.frame(0.0)
    darker = np.asarray(cv2.convertScaleAbs(image, alpha=0.9), np.uint8)
    a, b = (appearance_of(image, Face(box, 0.9), video.framing) for box in video.boxes().values())
    again = appearance_of(darker, Face(video.boxes()[0], 0.9), video.framing)
    assert a @ a == pytest.approx(1.0)
    assert a @ again > 0.8 > a @ b
    for box in ((-500.0, -500.0, -400.0, -400.0), (300.0, 230.0, 900.0, 800.0)):
        assert np.isfinite(appearance_of(image, Face(box, 0.9), video.framing)).all()


def test_time_does_not_run_backwards() -> None:
    tracker = Tracker(Video([]))
    tracker(np.zeros((9, 9, 3), np.uint8), 1.0)
    with pytest.raises(OptionError, match=r"time_s: expected 1.0 or later; got 0.5"):
        tracker(np.zeros((9, 9, 3), np.uint8), 0.5)
