import io
import math
import pickle
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
from PIL import Image as PILImage

from mien import DataError, ImageError, MienError, OptionError, VideoError, find_images, load_image
from mien.errors import check_count, check_number, counted
from mien.learn.data.datasets import load_faces
from mien.recognize.batch import run_batch
from mien.recognize.video.frames import probe
from mien.rows.table import read_rows
from mien.web.errors import ApiError


def test_the_message_has_the_source_before_it_and_the_remedy_behind() -> None:
    error = ImageError("too large", source="a.jpg", kind="image too large", remedy="Shrink it")
    assert str(error) == "a.jpg: too large. Shrink it"
    assert error.problem == "too large"
    assert str(DataError("nothing is there")) == "nothing is there"


@pytest.mark.parametrize(
    ("number", "words", "text"),
    [
        *((1, ("face",), "1 face"), (0, ("face",), "0 faces"), (1234, ("face",), "1,234 faces")),
        *((1, ("person", "people"), "1 person"), (2, ("person", "people"), "2 people")),
    ],
)
def test_what_is_counted_is_one_or_several(number: int, words: tuple[str, ...], text: str) -> None:
    assert counted(number, *words) == text


@pytest.mark.parametrize(
    "read",
    [
        *(load_image, probe, read_rows, load_faces),
        lambda name: find_images([name]),
        lambda name: run_batch([name], "out", processes=0),
    ],
)
def test_an_empty_name_is_not_the_folder_that_one_is_in(read: Callable[[str], object]) -> None:
    with pytest.raises(MienError, match=r"expected .*; got an empty name"):
        read("")


@pytest.mark.parametrize(
    ("value", "most", "said"),
    [
        (0, math.inf, "1 or more; got 0"),
        (9, 8, "1 to 8; got 9"),
        (1.5, math.inf, "a whole number; got 1.5"),
        (math.nan, math.inf, "a whole number; got nan"),
    ],
)
def test_what_is_no_count_is_told_by_name(value: float, most: float, said: str) -> None:
    with pytest.raises(OptionError, match=f"workers: expected {said}"):
        check_count("workers", value, 1, most)


def test_no_limit_is_a_count() -> None:
    check_count("workers", math.inf, 1)


def test_an_error_keeps_its_attributes_between_processes() -> None:
    error = ImageError("too large", source="a.jpg", kind="image too large", limit=7, remedy="No")
    other = pickle.loads(pickle.dumps(error))
    assert str(other) == str(error)
    assert vars(other) == vars(error)


def test_another_source_stands_in_the_place_of_one() -> None:
    error = ImageError("it is empty", source="these bytes", kind="empty file")
    named = error.with_source("a.tar, b.jpg")
    assert (str(named), named.kind) == ("a.tar, b.jpg: it is empty", "empty file")
    assert str(error) == "these bytes: it is empty"
    assert str(ImageError("it is empty").with_source("a.jpg")) == "it is empty"


def test_what_is_too_large_tells_the_limit() -> None:
    with pytest.raises(ImageError, match="Pass max_pixels") as error:
        load_image(_png(40, 30), max_pixels=1000)
    assert (error.value.kind, error.value.limit) == ("image too large", 1000)
    with pytest.raises(ImageError) as error:
        load_image(_png(40, 4))
    assert (error.value.kind, error.value.limit) == ("image too small", None)


@pytest.mark.parametrize(
    ("error", "status", "code", "message"),
    [
        # What a file is called says nothing of what is wrong with it.
        (VideoError("it is text", source="expected at most.mp4"), 422, "unreadable", None),
        # Clients are not told what only callers can do.
        (
            ImageError("too large", source="these bytes", limit=9, remedy="Pass max_pixels"),
            *(413, "too_large", "too large"),
        ),
        (OptionError("every_s: expected at most"), 422, "unreadable", None),
        (MienError("of the server"), 500, "internal", "the server failed; its log says why"),
    ],
)
def test_the_server_answers_by_the_limit_alone(
    error: MienError, status: int, code: str, message: str | None
) -> None:
    refusal = ApiError.of(error)
    assert (refusal.status, refusal.code) == (status, code)
    if message is not None:
        assert refusal.message == message


@pytest.mark.parametrize(
    ("value", "limits", "message"),
    [
        (0, {}, None),
        (10**400, {}, None),  # no float holds it
        (math.inf, {}, None),
        (math.inf, {"finite": True}, "n: expected 0 or more; got inf"),
        (math.nan, {}, "n: expected 0 or more; got nan"),
        (0, {"least": 1}, "n: expected 1 or more; got 0"),
        (-1.0, {"least": -1, "most": 1}, None),
        (1.5, {"least": -1, "most": 1}, "n: expected -1 to 1; got 1.5"),
        (math.inf, {"most": 1}, "n: expected 0 to 1; got inf"),
        ("0.5", {}, "n: expected a number; got '0.5'"),
        (None, {}, "n: expected a number; got None"),
        (1j, {}, "n: expected a number; got 1j"),
        (np.ones(2), {}, r"n: expected a number; got array\(\[1., 1.\]\)"),
    ],
)
def test_a_number_out_of_its_range_is_refused(
    value: Any, limits: dict[str, Any], message: str | None
) -> None:
    with nullcontext() if message is None else pytest.raises(OptionError, match=f"^{message}$"):
        check_number("n", value, **limits)


def _png(width: int, height: int) -> bytes:
    file = io.BytesIO()
    PILImage.new("L", (width, height)).save(file, "PNG")
    return file.getvalue()
