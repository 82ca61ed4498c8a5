"""docs/web.md and docs/explain.md: their examples run, and their tables say what is so."""

import json
import re
import shlex
import shutil
import subprocess
from contextlib import chdir, redirect_stdout
from io import StringIO
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from command_line import Mien
from fakes import a_tracked_reading
from mien.output.records import video_json_lines
from mien.web.live import CLOSE_FAILED, CLOSE_GOING, CLOSE_TOO_BIG
from mien.web.security import CLOSE_BUSY, CLOSE_POLICY
from mien.web.settings import PORT, Limits, WebSettings, megabytes
from test_documents import blocks
from videos import make_video, moving_portrait, steady_times
from web_client import Running, serving

ROOT = Path(__file__).resolve().parent.parent
WEB = (ROOT / "docs" / "web.md").read_text(encoding="utf-8")
EXPLAIN = (ROOT / "docs" / "explain.md").read_text(encoding="utf-8")
ADDRESS = f"127.0.0.1:{PORT}"
FRAMES = 12
JPEG = {"Content-Type": "image/jpeg"}


def cells(text: str, header: str) -> list[list[str]]:
    """The rows of the table that begins with a line."""
    lines = text[text.index(header) :].splitlines()[2:]
    rows = takewhile(lambda line: line.startswith("|"), lines)
    return [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows]


server = serving(WebSettings())


@pytest.fixture
def folder(tmp_path: Path, portrait: Path) -> Path:
    """Where the examples are run: with the files that they name."""
    (tmp_path / "examples").mkdir()
    for name in ("examples/astronaut.jpg", "a.jpg", "b.png"):
        shutil.copy(portrait, tmp_path / name)
    make_video(tmp_path / "talk.mp4", moving_portrait(), times_s=steady_times(FRAMES))
    faces = [a_tracked_reading()]
    lines = [video_json_lines(number, number / 25, faces) for number in range(25)]
    (tmp_path / "rows.jsonl").write_text("".join(lines))
    return tmp_path


def run_python(code: str, server: Running, folder: Path) -> str:
    """What an example prints."""
    code = code.replace(ADDRESS, server.address.removeprefix("http://"))
    with chdir(folder), redirect_stdout(StringIO()) as printed:
        exec(compile(code, "docs/web.md", "exec"), {"__name__": "__main__"})
    return printed.getvalue()


def output_of(command: list[str], folder: Path) -> str:
    """What a command prints that has nothing to complain of."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def example(containing: str) -> str:
    [found] = [block for block in blocks(WEB, "python") if containing in block]
    return found


def test_the_examples_in_python_print_what_is_read(server: Running, folder: Path) -> None:
    faces = run_python(example("api/readings"), server, folder)
    assert faces == "astronaut.jpg happy 0.972\nb.png happy 0.972\n"
    parts = run_python(example("api/explanations"), server, folder).splitlines()
    assert (parts[3], len(parts)) == ("mouth covered: happy 93%", 5)
    *progress, people = run_python(example("api/videos"), server, folder).splitlines()
    assert people == f"people: [(1, {FRAMES})]"
    in_events = [int(words[0]) for line in progress if (words := line.split(", ")[1].split())]
    assert sum(in_events) == FRAMES

    printed = run_python(example("api/live"), server, folder).splitlines()
    numbers = [int(re.fullmatch(r"frame (\d+), person 1: happy", line)[1]) for line in printed]  # type: ignore[index]
    assert numbers == sorted(set(numbers))
    assert numbers
    assert numbers[-1] < FRAMES


def test_the_commands_with_curl_are_answered(server: Running, folder: Path) -> None:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("no curl to run the examples with")
    commands = [
        shlex.split(line.replace(ADDRESS, server.address.removeprefix("http://")))
        for block in blocks(WEB, "console")
        for line in block.replace("\\\n", " ").splitlines()
        if line.startswith("curl ")
    ]
    assert len(commands) == 6
    careful = [curl, "--silent", "--show-error", "--fail"]
    answers = [output_of([*careful, *command[1:]], folder) for command in commands]
    one, two, raw, health = (json.loads(answer) for answer in answers[:4])
    assert [image["name"] for image in one["images"]] == ["astronaut.jpg"]
    assert [image["name"] for image in two["images"]] == ["a.jpg", "b.png"]
    assert two["threshold"] == 0.6
    assert raw["images"][0]["faces"][0]["emotion"] == "happy"
    assert health["status"] == "ok"
    header, *rows = answers[4].splitlines()
    assert header.startswith("frame,time_s,track,")
    assert len(rows) == FRAMES
    assert answers[5].startswith('File type = "ooTextFile"')


def test_every_route_is_described_and_no_other(server: Running) -> None:
    routes = {
        f"{method.upper()} {path}"
        for path, methods in server.get("/openapi.json").json()["paths"].items()
        for method in methods
    }
    table = WEB[WEB.index("## The API") : WEB.index("### Images")]
    described = {re.sub(r"\?.*", "", route) for route in re.findall(r"`([A-Z]+ /[^`]*)`", table)}
    assert described == routes | {"WS /api/live"}


def test_the_fields_that_are_named_are_those_that_come(server: Running, portrait: Path) -> None:
    answer = server.post("/api/readings", content=portrait.read_bytes(), headers=JPEG).json()
    [face] = answer["images"][0]["faces"]
    sentence = WEB[WEB.index("`Reading.to_dict()`") : WEB.index("An image that cannot be read has")]
    named = set(re.findall(r"`([a-z]+)`", sentence))
    assert named <= face.keys()
    shown: dict[str, Any] = json.loads(blocks(WEB, "json")[0])
    assert shown["type"] == "readings"
    assert set(shown["faces"][0]) <= face.keys() | {"track"}


def test_limits_are_those_of_the_server() -> None:
    limits = Limits()
    said = " ".join(" ".join(row) for row in cells(WEB, "| | | beyond it |"))
    for value in (
        f"one image {megabytes(limits.image_bytes)} (`--max-image-mb`)",
        f"{limits.image_pixels / 1e6:g} megapixels",
        f"images of a request {limits.images}, {megabytes(limits.request_bytes)} together",
        f"a video {megabytes(limits.video_bytes)} (`--max-video-mb`), ",
        f" {limits.video_s / 60:g} minutes (`--max-video-minutes`)",
        f"videos at once {limits.videos} ",
        f"live clients {limits.live_clients} ",
        f"a live frame {megabytes(limits.frame_bytes)} ",
        f"requests at once {limits.requests} ",
        f"time for a request that is no video {limits.request_s:g} s",
    ):
        assert value in said
    assert f"or {limits.bad_frames} messages in a row were no images" in WEB


def test_statuses_and_close_codes_are_those_of_the_server(server: Running) -> None:
    paths = server.get("/openapi.json").json()["paths"]
    operations = [one for methods in paths.values() for one in methods.values()]
    answered = {int(status) for operation in operations for status in operation["responses"]}
    assert {int(row[0]) for row in cells(WEB, "| status | why |")} == answered - {200, 204}
    codes = {int(row[0]) for row in cells(WEB, "| close code | why |")}
    assert codes == {CLOSE_GOING, CLOSE_TOO_BIG, CLOSE_FAILED, CLOSE_BUSY, CLOSE_POLICY}


def test_errors_look_as_shown(server: Running) -> None:
    shown = json.loads(blocks(WEB, "json")[1])
    answer = server.post("/api/readings", content=bytes(Limits().image_bytes + 1), headers=JPEG)
    assert answer.status_code == 413
    assert answer.json()["error"].keys() == shown["error"].keys()
    assert answer.json()["error"]["code"] == shown["error"]["code"]


def test_the_example_of_an_explanation_runs(server: Running, folder: Path) -> None:
    [code] = blocks(EXPLAIN, "python")
    printed = run_python(code, server, folder).splitlines()
    assert printed[0].startswith("happy (48, 48) 0.")
    parts = ["forehead", "eyes", "nose", "mouth", "chin"]
    assert [line.split()[0] for line in printed[1:]] == parts


def test_the_table_of_an_explanation_is_what_is_printed(portrait: Path, mien: Mien) -> None:
    done = mien("explain", portrait)
    assert (done.status, done.stderr) == (0, "")
    shown = blocks(EXPLAIN, "console")[1].partition("\n")[2]
    assert [line.split() for line in done.stdout.splitlines()] == [
        line.split() for line in shown.splitlines()
    ]
