"""mien, base install: `Recognizer` on photos, its classifier on crops.

Arguments: a model, and a head of it in place of its first.
"""

import sys

from protocol import Adapter, Face, serve


def build() -> Adapter:
    import cv2

    import mien
    from mien.labels import EMOTIONS
    from mien.recognize.classifier import DEFAULT_MODEL

    cv2.setNumThreads(1)
    model = sys.argv[1] if len(sys.argv) > 1 else DEFAULT_MODEL
    head = sys.argv[2] if len(sys.argv) > 2 else None
    recognizer = mien.Recognizer(model)
    recognizer.classifier.head = head or recognizer.classifier.head
    return Adapter(
        version=f"{mien.__version__}, model {model}" + (f", head {head}" if head else ""),
        fed="crops: as they are, into its classifier. Photos: Recognizer(), with YuNet.",
        photo=recognizer,
        faces=lambda readings: [Face(r.box, r.emotion) for r in readings],
        crops=lambda crops: [EMOTIONS[i] for i in recognizer.classifier(crops).argmax(1)],
    )


if __name__ == "__main__":
    serve(build)
