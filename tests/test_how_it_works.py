import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import how_it_works
from learn_fixtures import made_up_faces
from mien import YuNetDetector, load_image
from mien.readings import Image

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.tools

IMAGES = ROOT / "docs" / "images"


@pytest.mark.parametrize(
    ("drawing", "name"),
    [(how_it_works.flows, "how-flows.svg"), (how_it_works.network, "how-network.svg")],
)
def test_the_committed_drawings_are_what_the_code_is(drawing: Callable[[], str], name: str) -> None:
    assert (IMAGES / name).read_text(encoding="utf-8") == drawing(), (
        "run python scripts/how_it_works.py"
    )


def test_the_page_says_what_the_detector_sees_of_a_tilt() -> None:
    page = (ROOT / "docs" / "how-it-works.md").read_text(encoding="utf-8")
    said = re.search(r"it sees ([\d.]+), ([\d.]+) and ([\d.]+)", " ".join(page.split()))
    assert said is not None
    seen = [how_it_works.seen_tilt(tilt) for tilt in how_it_works.TILTS_DEG]
    assert [float(text) for text in said.groups()] == pytest.approx(seen, abs=0.3)


def test_the_frame_that_is_drawn_is_the_one_that_is_cut(portrait_image: Image) -> None:
    detector = YuNetDetector()
    (face,) = detector.detect(portrait_image)
    corners = how_it_works._frame_corners(face, detector.framing)
    sides = np.linalg.norm(np.diff(corners, axis=0), axis=1)
    assert sides == pytest.approx([detector.framing.side * face.size_px] * 4)
    assert corners[0].tolist() == pytest.approx(corners[-1].tolist())  # closed
    x0, y0, x1, y1 = face.box
    assert corners[:4].mean(axis=0) == pytest.approx([(x0 + x1) / 2, (y0 + y1) / 2], abs=5.0)


def test_figures_of_photos_and_faces_are_drawn(tmp_path: Path) -> None:
    framing = how_it_works.draw_framing(tmp_path / "framing")
    assert load_image(framing).shape[1] > 900
    faces = made_up_faces(train=12, val=3, test=14)
    means = how_it_works.draw_mean_faces(faces.split("train"), tmp_path / "means")
    calibration = how_it_works.draw_calibration(faces.split("test"), tmp_path / "calibration")
    assert load_image(means).shape[1] > load_image(means).shape[0]
    assert load_image(calibration).std() > 0
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"calibration.png", "framing.jpg", "means.png"}
