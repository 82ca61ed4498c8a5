"""`fer`: https://pypi.org/project/fer, as `FER()` comes: Haar cascade and TensorFlow Lite."""

from typing import Any

from protocol import Adapter, Face, serve

LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""Of the columns of its network, which are `FER._get_labels`; its words are mien's."""


def build() -> Adapter:
    import warnings

    warnings.simplefilter("ignore")  # of its libraries, on what they will drop
    import cv2
    import numpy as np
    from fer import __version__  # type: ignore[import-not-found]
    from fer.fer import FER  # type: ignore[import-not-found]

    cv2.setNumThreads(1)
    detector = FER()

    def photo(image: Any) -> Any:
        # It takes BGR, as OpenCV reads images: the view costs nothing.
        return detector.detect_emotions(image[:, :, ::-1])

    def faces(found: Any) -> list[Face]:
        return [
            Face((float(x), float(y), float(x + width), float(y + height)), max(e, key=e.get))
            for (x, y, width, height), e in ((f["box"], f["emotions"]) for f in found)
        ]

    def boxes(image: Any, places: Any) -> list[str | None]:
        labels = []
        for place in places:  # one by one: it leaves out those that it cannot cut
            x0, y0, x1, y1 = map(round, place)
            found = detector.detect_emotions(image[:, :, ::-1], [(x0, y0, x1 - x0, y1 - y0)])
            labels.append(faces(found)[0].label if found else None)
        return labels

    def crops(images: Any) -> list[str]:
        # As `detect_emotions` prepares a face, without its frame of 10 pixels and its rounding.
        resized = np.stack([cv2.resize(image, (64, 64)) for image in images]).astype(np.float32)
        scores = detector._classify_emotions((resized / 255.0 - 0.5) * 2.0)
        return [LABELS[i] for i in scores.argmax(1)]

    return Adapter(
        version=__version__,
        fed=(
            "crops: enlarged to 64 x 64 as it does, into its TensorFlow Lite network. "
            "Photos: FER().detect_emotions."
        ),
        photo=photo,
        faces=faces,
        crops=crops,
        boxes=boxes,
    )


if __name__ == "__main__":
    serve(build)
