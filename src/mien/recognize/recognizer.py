"""Image -> readings: the library's front door."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mien.errors import OptionError, check_number
from mien.readings import (
    Expectation,
    Face,
    FacialMovements,
    Image,
    Reading,
    Verification,
    check_image,
    values_of,
)
from mien.recognize.classifier import DEFAULT_MODEL, Classifier
from mien.recognize.crops import crop_faces
from mien.recognize.faces import Detector, detector_named
from mien.recognize.images import ImageSource, load_image
from mien.recognize.movements import Movements, with_pose
from mien.recognize.quality import quality_of
from mien.recognize.sources import check_several

if TYPE_CHECKING:
    from mien.readings import Explanation, TrackedReading
    from mien.recognize.video.frames import Frame, VideoSource
    from mien.recognize.video.readings import VideoSettings


class Recognizer:
    """Finds the faces of an image and reads the emotion that each shows.

        readings = Recognizer()("family.jpg")

    Threads may share one: the readings are those of one thread. Its settings, such as `threshold`,
    are not to be changed while others read: `copy.copy(recognizer)` has some of its own, with the
    same detector and network. It is pickled as its settings, for other processes; docs/python.md.

    Args:
        model: a name among `mien.shipped_models()`, or the path of a file made by `mien export` or
            `mien convert`; or several, whose probabilities are averaged. See `mien.Classifier`.
        detector: "yunet", "haar", "none" for images that are faces, cut out already, or any
            object that is a `mien.Detector`; to share the recognizer among threads, or to pickle
            it, that must allow it, too.
        min_face_px: smaller faces are left out; the longer side of the box. Not for a detector of
            your own.
        full_size: search large images at their full size, for small faces; slower. Likewise.
        threshold: 0 to 1; a reading whose emotion is less probable is `unsure`. With 0 none is. A
            model's card (`mien models NAME`) says how many faces a threshold leaves, and how many
            of those are read right.
        movements: also read what each face does, as `Reading.movements`: see docs/movements.md.
        threads: processor threads for the network; 0 takes every core.
    Raises:
        ModelError: the model is missing, broken, or of another kind.
        OptionError: an argument is out of its range.
    """

    BATCH_IMAGES = 16  # images whose faces go through the network together

    def __init__(
        self,
        model: str | Path | Sequence[str | Path] = DEFAULT_MODEL,
        *,
        detector: str | Detector = "yunet",
        min_face_px: float = 0.0,
        full_size: bool = False,
        threshold: float = 0.0,
        movements: bool = False,
        threads: int = 1,
    ) -> None:
        check_number("threshold", threshold, 0, 1)
        self.threshold = threshold
        if isinstance(detector, str):
            detector = detector_named(detector, min_face_px=min_face_px, full_size=full_size)
        elif isinstance(detector, type) or not (
            hasattr(detector, "detect") and hasattr(detector, "framing")
        ):
            raise OptionError(
                "expected a name, or an object that finds faces with detect(image) and has their "
                f"framing, see mien.Detector; got {detector!r}",
                argument="detector",
            )
        self.detector = detector
        self.classifier = Classifier(model, threads=threads)
        self.movements = Movements(threads=threads) if movements else None

    def __call__(self, source: ImageSource) -> list[Reading]:
        """Read every face of one image.

        Args:
            source: a path, the bytes of a file, a PIL image, or an array (H, W, 3) uint8 RGB; see
                `mien.load_image`.
        Returns:
            One reading for each face, the surest face first; no face gives an empty list.
        Raises:
            ImageError: it is not an image.
        """
        return self.read_images([load_image(source)])[0]

    def verify(
        self, source: ImageSource, emotion: str, *, threshold: float | None = None
    ) -> list[Verification]:
        """Say of every face of one image whether it shows an emotion.

            smiling = all(v.shows for v in Recognizer().verify("family.jpg", "happy"))

        Args:
            source: as for reading it.
            emotion: one of `mien.EMOTIONS`, or a common synonym ("joy", "Anger").
            threshold: a face shows the emotion when that has at least this probability, 0 to 1;
                without one, when it is the likeliest of the seven. One that is unsure by the
                recognizer's own threshold shows none.
        Returns:
            One verification for each face, the surest face first; no face gives an empty list,
            of which `all` is true.
        Raises:
            ImageError: it is not an image.
            OptionError: there is no such emotion, or `threshold` is not between 0 and 1.
        """
        expectation = Expectation.of(emotion, threshold=threshold)
        return [expectation.verify(reading) for reading in self(source)]

    def explain(
        self, source: ImageSource, *, face: int = 0, emotion: str | None = None
    ) -> "Explanation":
        """Find the pixels that the reading of one face of an image rests on.

            heat = Recognizer().explain("portrait.jpg").heat  # (48, 48), of the crop

        Args:
            source: as for reading it.
            face: which, from 0, in the order of the readings: the surest face first.
            emotion: whose probability to explain; by default the likeliest.
        Raises:
            ImageError: it is not an image, or there is no face in it.
            OptionError: there is no such face or emotion.
        """
        from mien.recognize.explain import explain

        return explain(self, source, face=face, emotion=emotion)

    def read_many(self, sources: Iterable[ImageSource]) -> Iterator[list[Reading]]:
        """Read images one after the other, `BATCH_IMAGES` at a time through the network.

        Args:
            sources: as for one image; may be endless.
        Yields:
            The readings of each image, in order.
        Raises:
            ImageError: one of them is not an image.
            OptionError: `sources` is one path or the bytes of one file, not several.
        """
        check_several("sources", sources)
        images = (load_image(source) for source in sources)
        while batch := list(islice(images, self.BATCH_IMAGES)):
            yield from self.read_images(batch)

    def read_images(self, images: Sequence[Image]) -> list[list[Reading]]:
        """Read images that are at hand as arrays; all their faces go through the network at once.

        Args:
            images: each (H, W, 3) uint8, RGB.
        Returns:
            The readings of each image, in order.
        Raises:
            ImageError: one of them is not (H, W, 3) uint8; the message says what it is.
        """
        images = list(images)  # as a generator gives them once
        for image in images:
            check_image(image)
        found = [self.detector.detect(image) for image in images]
        margin = self.classifier.spec.crop_margin
        crops = [
            crop_faces(image, faces, self.detector.framing, margin=margin)
            for image, faces in zip(images, found, strict=True)
        ]
        if not crops:
            return []
        sizes = [(image.shape[1], image.shape[0]) for image in images]
        rows = iter(self.classifier(np.concatenate(crops)))
        return [
            [
                Reading(
                    **values_of(
                        face,
                        with_pose(quality_of(face, crop, size), moved),
                        moved,
                        next(rows),
                        self.threshold,
                    )
                )
                for face, crop, moved in zip(faces, cut, self._moved(image, faces), strict=True)
            ]
            for image, size, faces, cut in zip(images, sizes, found, crops, strict=True)
        ]

    def _moved(self, image: Image, faces: list[Face]) -> Sequence[FacialMovements | None]:
        """What each face does; None of each where nobody asks."""
        if self.movements is None:
            return [None] * len(faces)
        return self.movements(image, faces, self.detector.framing)

    def stream(
        self,
        source: "VideoSource | Iterable[Frame]",
        *,
        settings: "VideoSettings | None" = None,
        every_s: float | None = None,
        start_s: float | None = None,
        end_s: float | None = None,
        stream: bool = False,
    ) -> "Iterator[tuple[Frame, list[TrackedReading]]]":
        """Read a video or a camera: every face followed, its probabilities smoothed over time.

            for frame, readings in Recognizer().stream("interview.mp4"):
                print(frame.time_s, [(reading.track, reading.emotion) for reading in readings])

        Memory does not grow with the video.

        Args:
            source: a video file, a series of images, a camera by number or device, or the
                address of a stream, see `mien.recognize.video.frames.frames`; or frames, as that
                gives them.
            settings: how faces are followed and smoothed. By default the frames of files are read
                some at a time, and those of cameras, streams and given frames one by one.
            every_s: read only the first frame at or after each multiple of it.
            start_s: leave out frames before this time.
            end_s: leave out frames at or after this time.
            stream: `source` is an address to connect to, such as `rtsp://...`.
        Yields:
            Each frame with the readings of its faces, in the order of their tracks.
        Raises:
            VideoError: it is not a video that can be read.
            ImageError: the image of a given frame is not (H, W, 3) uint8.
            OptionError: an argument is out of its range, or what was given are no frames.
        """
        from mien.recognize.video.frames import camera_number, frames
        from mien.recognize.video.readings import BATCH_FRAMES, VideoSettings, read_stream

        given: Any = source
        live = True
        if isinstance(source, (str, Path, int)):
            live = stream or camera_number(source) is not None
            given = frames(source, every_s=every_s, start_s=start_s, end_s=end_s, stream=stream)
        elif every_s is not None or start_s is not None or end_s is not None or stream:
            raise OptionError("every_s, start_s, end_s and stream are for files and addresses")
        else:
            try:
                given = iter(given)  # what has places alone, as data sets of torch, has no __iter__
            except TypeError:
                raise OptionError(
                    "expected a path, an address, the number of a camera, or frames; got "
                    f"{type(source).__name__}",
                    argument="source",
                ) from None
        settings = settings or VideoSettings(batch_frames=1 if live else BATCH_FRAMES)
        return read_stream(self, given, settings=settings)
