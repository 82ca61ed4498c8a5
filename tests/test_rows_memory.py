"""What is made of the rows of a video takes no more memory for a longer one."""

import tracemalloc
from pathlib import Path

import pytest

from command_line import in_python
from fakes import a_tracked_reading
from made_up_rows import frames_of, write_rows
from mien.readings import TrackedReading
from mien.recognize.video.outputs import Outputs
from mien.recognize.video.report import Images
from mien.recognize.video.row_sink import RowSink

pytestmark = pytest.mark.slow

FACE_BYTES = 180
"""That a face of a frame takes where all are kept: `VideoColumns`."""


def faces_of(frame: int) -> list[TrackedReading]:
    """Two people who change every ten seconds, one after the other, at 25 frames a second."""
    emotions = ("happy", "neutral", "sad")
    return [
        a_tracked_reading(track, emotions[(frame // 250 + track) % 3], box=(9.0 * track, 2, 40, 50))
        for track in (1, 2)
    ]


def peak_of_a_sink(folder: Path, frames: int) -> int:
    """Bytes that are held at most while a video is written."""
    files = {name: folder / f"{name}-{frames}.csv" for name in ("csv", "events", "dyads")}
    formats = {"eaf": folder / f"{frames}.eaf", "fex": folder / f"{frames}.fex.csv"}
    outputs = Outputs(**files, report=folder / f"{frames}.html", formats=formats)
    tracemalloc.start()
    try:
        sink = RowSink(outputs, title="talk.mp4")
        for frame in range(frames):
            sink.write(frame, frame / 25, faces_of(frame))
        sink.write_sums(facts={}, images=Images(), settings={})
        sink.finish()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_video_is_written_as_its_rows_come(tmp_path: Path) -> None:
    peak_of_a_sink(tmp_path, 10)  # what is imported and kept
    short, long = (peak_of_a_sink(tmp_path, frames) for frames in (3_000, 6_000))
    assert long - short < 0.2 * 2 * 3_000 * FACE_BYTES, (short, long)


def peak_mb(*command: object) -> float:
    """Of `mien`. It is measured by a small process that starts it: what starts a process counts."""
    program = (
        "import resource, subprocess, sys\n"
        "subprocess.run([sys.executable, '-m', 'mien', *sys.argv[1:]], check=True, stdout=2)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    return int(in_python("-c", program, *command, check=True).stdout) / 1024


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Of two minutes, and of twenty."""
    folder = tmp_path_factory.mktemp("rows")
    paths = folder / "short.csv", folder / "long.csv"
    for path, minutes in zip(paths, (2, 20), strict=True):
        write_rows(path, frames_of(map(faces_of, range(minutes * 60 * 25)), fps=25))
    return paths


@pytest.mark.parametrize(
    "command",
    [
        "events ROWS --out OUT/e.csv --statistics OUT/s.csv --dyads OUT/d.csv",
        "rows ROWS --people PEOPLE --csv OUT/r.csv --report OUT/r.html --events OUT/e.csv",
        "convert ROWS --to textgrid --out OUT/r.TextGrid",
        "convert ROWS --to fex --out OUT/r.fex.csv",
    ],
)
def test_commands_take_no_more_memory_for_a_longer_video(
    rows: tuple[Path, Path], tmp_path: Path, command: str
) -> None:
    people = tmp_path / "people.csv"
    people.write_text("track,name\n1,Ada\n")
    kept_mb = 2 * 18 * 60 * 25 * FACE_BYTES / 2**20
    peaks: dict[str, list[float]] = {"short": [], "long": []}
    # The least of three, where it takes so many: one process needs up to 3.5 MB more than the next.
    for number in range(3):
        for path in rows:
            (out := tmp_path / f"{path.stem}-{number}").mkdir()
            words = {"ROWS": path, "PEOPLE": people}
            given = (words.get(w, w.replace("OUT", str(out))) for w in command.split())
            peaks[path.stem].append(peak_mb(*given))
        if min(peaks["long"]) - min(peaks["short"]) < 0.3 * kept_mb:
            return
    raise AssertionError(peaks)
