"""The commands that the documents name do what they say, typed as they stand there.

All of the README's and of docs/psychology.md, and of every other command the first that a document
names, on small files of the names that they use.
"""

import re
import shutil
import warnings
from itertools import chain
from pathlib import Path
from textwrap import dedent
from typing import Final

import numpy as np
import pytest
from PIL import Image as PILImage

from archives import samples, write_folder, write_tar
from coder_files import CODED, write_eaf, write_rows, write_table
from command_line import Mien, in_python
from learn_fixtures import made_up_faces, write_csv, write_parquet_folder, write_votes
from mien.learn.files.keras_h5 import import_keras
from mien.recognize.images import load_image
from mien.rows.people import write_people_template
from mien.rows.table import read_rows
from test_documents import DOCUMENTS, ROOT, blocks, commands
from videos import make_video, moving_portrait, steady_times

pytestmark = [
    pytest.mark.slow,
    pytest.mark.newest,
    pytest.mark.usefixtures("operators_once"),
]

README: Final = ROOT / "README.md"
PSYCHOLOGY: Final = ROOT / "docs" / "psychology.md"
WHOLE: Final = [README, PSYCHOLOGY]
"""Documents of which every command is run."""
PAGES: Final = [
    *WHOLE,
    *(path for path in DOCUMENTS if path.parent != ROOT and path != PSYCHOLOGY),
    ROOT / "docs" / "cli.md",
]

EXAMPLE: Final = re.compile(r"^Example: (.*)$", re.MULTILINE)

NOT_RUN: Final = {
    "mien webcam": "needs a camera; tests/test_webcam_command.py has videos in its place",
    "mien serve": "runs until it is stopped; tests/test_web_docs.py asks it what docs/web.md asks",
    "mien page": "needs the npm package; tests/test_browser_page.py has a folder in its place",
    "mien data download": "needs the network",
    "mien reproduce": "trains twice; tests/test_report.py runs it with few epochs",
    "mien networks": "times every network, half a minute; tests/test_summary.py has one",
    "mien data info PATH": "shows a form",
    "mien data check PATH": "shows a form",
    "mien data audit PATH": "shows a form",
}
"""Beginnings of commands -> why they are not run here."""

ADDED: Final = {
    "mien train": ["--epochs", "1", "--network", "paper"],
    "mien tune": ["--epochs", "1", "--trials", "1"],
    "mien robustness": ["--limit", "7", "--corrupt", "blur"],
    "mien data audit": ["--folds", "2", "--epochs", "1"],
}
"""Beginnings of commands -> what is added to end soon."""


def write_inputs(folder: Path) -> Path:
    """Files under the names that the documents use, each of its kind and small."""
    portrait = load_image(ROOT / "examples" / "astronaut.jpg")
    two = PILImage.fromarray(np.hstack([portrait, portrait[:, ::-1]]))
    for name in ("family.jpg", "crowd.jpg", "holiday/1.jpg", "scans/1.png"):
        (folder / name).parent.mkdir(exist_ok=True)
        two.save(folder / name)
    shutil.copytree(ROOT / "examples", folder / "examples")
    write_folder(folder / "photos", 2)
    write_tar(folder / "shards" / "1.tar", samples(2))
    for name in ("talk.mp4", "interview.mp4"):
        make_video(folder / name, moving_portrait(), times_s=steady_times(12), sound=True)
    write_rows(folder / "interview.csv", CODED)
    write_people_template(read_rows(folder / "interview.csv"), folder / "interview-people.csv")
    write_table(folder / "coder.csv", CODED)
    write_eaf(folder / "talk.eaf", anna=CODED, ben=CODED)
    write_interviews(folder)
    faces = made_up_faces(train=5, val=1, test=1, votes=True)
    write_parquet_folder(folder / "FER2013", faces)
    write_csv(folder / "fer2013.csv", faces)
    write_votes(folder / "fer2013new.csv", faces)
    shutil.copy(ROOT / "src" / "mien" / "assets" / "models" / "mien.onnx", folder / "mine.onnx")
    keras = import_keras("the tests")
    layers = [keras.Input((48, 48, 1)), keras.layers.Flatten(), keras.layers.Dense(7, "softmax")]
    with warnings.catch_warnings(action="ignore"):  # those of Keras, of itself
        keras.Sequential(layers).save(folder / "theirs.h5")
    return folder


def write_interviews(folder: Path) -> None:
    """Two videos, the rows of both, and two codings of one, for docs/psychology.md."""
    for name in ("interviews", "coders"):
        (folder / name).mkdir()
    for condition in ("family", "work"):
        path = folder / "interviews" / f"p01-{condition}.mp4"
        make_video(path, moving_portrait(), times_s=steady_times(20, fps=10))
    run(["-m", "mien", "video", "interviews", "--csv", "rows"], folder)
    for name in ("p01-family", "p01-family-second"):
        write_table(folder / "coders" / f"{name}.csv", [(0.0, 2.0, "happy")])


def documented() -> dict[str, list[str]]:
    """Each command that is run -> its words, with its own options once."""
    found: dict[tuple[str, ...], list[str]] = {}
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        if path.name == "cli.md":  # whose consoles show forms
            text = "\n".join(["```console", *EXAMPLE.findall(text), "```"])
        console = "\n".join(blocks(text, "console"))
        for words in commands(f"```console\n{console}\n```"):
            name = tuple(words[1:3] if words[1] == "data" else words[1:2])
            known = any(key[: len(name)] == name for key in found)
            if not " ".join(words).startswith(tuple(NOT_RUN)) and (path in WHOLE or not known):
                given = words[2:] if path == PSYCHOLOGY else []
                options = [word for word in words if word.startswith("--")]
                found.setdefault((*name, *options, *given), words)
    return {" ".join(words): words for words in found.values()}


COMMANDS: Final = documented()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_inputs(tmp_path_factory.mktemp("documented"))


def run(words: list[str], folder: Path) -> str:
    done = in_python("-W", "error", *words, cwd=folder, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_a_documented_command_ends_well(
    command: str, folder: Path, mien: Mien, monkeypatch: pytest.MonkeyPatch
) -> None:
    added = [more for begin, more in ADDED.items() if command.startswith(begin)]
    monkeypatch.chdir(folder)
    done = mien(*COMMANDS[command][1:], *chain(*added))
    assert done.status == 0, done.stderr
    assert done.stdout != ""


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "docs/agreement.md",
        "docs/compound.md",
        "docs/events.md",
        "docs/explain.md",
        "docs/movements.md",
        "docs/people.md",
        "docs/psychology.md",
        "docs/quality.md",
        "docs/video.md",
    ],
)
def test_the_python_code_of_a_document_runs(page: str, folder: Path) -> None:
    found = [dedent(code) for code in blocks((ROOT / page).read_text(encoding="utf-8"), "python")]
    run(["-c", "\n".join(found)], folder)  # what follows may use what was imported


def test_every_command_is_run_or_has_its_reason() -> None:
    overview = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    named = [COMMANDS[command] for command in COMMANDS] + [reason.split() for reason in NOT_RUN]
    begin = {" ".join(words[: 3 if words[1] == "data" else 2]) for words in named}
    headings = set(re.findall(r"^###? `(mien .*)`$", overview, re.MULTILINE))
    assert headings - {"mien data"} == begin
