from typing import Any

import numpy as np
import pytest

from learn_fixtures import read_as
from mien.errors import DataError
from mien.learn.evaluation.risk_coverage import (
    COVERAGES,
    THRESHOLDS,
    RiskCoverage,
    Selection,
    risk_coverage,
)
from mien.learn.evaluation.scores import evaluate_probabilities


def found_for(confidence: Any, right: list[bool]) -> RiskCoverage:
    """Of faces that are read with these probabilities, and right or wrong."""
    first = np.zeros(len(right), np.int64)
    return risk_coverage(read_as(first, np.array(confidence)), np.where(right, 0, 1))


def test_the_curve_is_the_one_computed_by_hand() -> None:
    found = found_for([0.9, 0.75, 0.55, 0.35], [True, False, True, False])

    # Of the 1, 2, 3, 4 surest, these shares are wrong.
    assert found.area == pytest.approx((0 + 1 / 2 + 1 / 3 + 2 / 4) / 4)
    assert found.least_area == pytest.approx((0 + 0 + 1 / 3 + 2 / 4) / 4)
    by_threshold = {s.threshold: (s.coverage, s.accuracy) for s in found.at_threshold}
    assert by_threshold[0.3] == (1.0, 0.5)
    assert by_threshold[0.4] == pytest.approx((0.75, 2 / 3))
    assert by_threshold[0.6] == (0.5, 0.5)
    assert by_threshold[0.8] == (0.25, 1.0)
    whole = found.at_coverage[0]
    assert (whole.threshold, whole.coverage, whole.accuracy) == pytest.approx((0.35, 1.0, 0.5))
    half = found.at_coverage[COVERAGES.index(0.5)]
    assert (half.coverage, half.accuracy) == (0.5, 0.5)


def test_what_no_face_reaches_has_no_accuracy_and_no_faces_are_refused() -> None:
    found = found_for([0.5, 0.45], [True, True])

    assert found.at_threshold[-1] == Selection(THRESHOLDS[-1], 0.0, None)
    with pytest.raises(DataError, match="there are none"):
        found_for([], [])


def test_reading_all_faces_is_the_plain_accuracy() -> None:
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet(np.ones(7), 500).astype(np.float32)
    labels = generator.integers(0, 7, 500)
    found = risk_coverage(probabilities, labels)

    accuracy = evaluate_probabilities(probabilities, labels).accuracy
    assert found.at_coverage[0].accuracy == pytest.approx(accuracy)
    assert found.curve[-1].accuracy == pytest.approx(accuracy)
    assert found.curve[-1].coverage == 1.0
    assert len(found.curve) == 100
    assert [s.coverage for s in found.at_coverage] == pytest.approx(COVERAGES)


@pytest.mark.parametrize(("right", "area"), [(40, 0.0), (0, 1.0), (25, None)])
def test_knowing_when_one_is_wrong_reaches_the_least_area(right: int, area: float | None) -> None:
    found = found_for(np.linspace(0.95, 0.2, 40), [i < right for i in range(40)])

    assert found.area == pytest.approx(found.least_area)
    if area is not None:
        assert found.area == pytest.approx(area)
    assert found.curve[50].accuracy == (1.0 if right else 0.0)


def test_the_order_of_equally_sure_faces_does_not_matter() -> None:
    right = [True, False, False, True, False]
    one, other = (found_for(0.5, order) for order in (right, right[::-1]))

    assert one == other
    assert one.area == pytest.approx(3 / 5)
