import sys
from pathlib import Path

import pytest

from mien import OptionError, bench


@pytest.mark.slow
def test_two_builds_read_in_turn_and_each_part_is_told(
    portrait: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    other = tmp_path / "python"
    other.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    other.chmod(0o755)
    bench._path(portrait, str(tiny_model), str(other))
    lines = capsys.readouterr().out.splitlines()

    assert [line.strip() for line in lines if "face(s)" in line] == [
        "512x512, 1 face(s)",
        "1280x720, 1 face(s)",
    ]
    assert sum("times as fast" in line for line in lines) == 2 * len(bench._PARTS)
    times = {
        part: [float(line.split(" ms")[0].split()[-1]) for line in lines if part in line]
        for part in bench._PARTS
    }
    whole, *parts = times.values()
    for own, against in zip(whole[::2], whole[1::2], strict=True):
        assert 0.1 < own / against < 10
    for row, total in enumerate(whole):
        assert 0.3 * total < sum(part[row] for part in parts) < 3.0 * total


@pytest.mark.parametrize(
    ("content", "said"),
    [("", "expected a Python; "), ("#!/bin/sh\necho no mien >&2; exit 1\n", "with mien; no mien")],
)
def test_another_python_that_cannot_be_run(
    content: str, said: str, portrait: Path, tiny_model: Path, tmp_path: Path
) -> None:
    other = tmp_path / "python"
    if content:
        other.write_text(content)
        other.chmod(0o755)
    with pytest.raises(OptionError, match=said):
        bench._path_of(str(other), portrait, str(tiny_model))
