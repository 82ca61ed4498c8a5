import re
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from command_line import Mien
from learn_fixtures import history_of, made_up_faces, png, write_csv, write_votes
from mien.cli.app import main
from mien.cli.display import TrainingDisplay
from mien.labels import EMOTIONS
from mien.learn.data.datasets import FaceSet, load_faces
from mien.learn.evaluation.scores import ClassScore, evaluate
from mien.learn.files.export import export_model
from mien.learn.reports import paper, reproduction
from mien.learn.training.loop import Progress
from mien.learn.training.runs import read_config, read_history
from mien.recognize.classifier import Classifier
from mien.spec import ModelSpec

pytestmark = pytest.mark.slow

FACES = made_up_faces(train=8, val=3, test=3, votes=True)
QUICK = ("--paper-epochs", "1", "--modern-epochs", "1")


@pytest.fixture
def sketched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand-ins for figures and model files that are not there yet; others are left as they are.

    To draw and to export takes seconds.
    """

    def sketch(result: object, stem: Path, *, title: str = "") -> None:
        stem.parent.mkdir(parents=True, exist_ok=True)
        path = stem.with_name(f"{stem.name}.png")
        if not path.exists():
            path.write_bytes(png(FACES.images[0]))

    for name in dir(reproduction):
        if name.startswith("plot_"):
            monkeypatch.setattr(reproduction, name, sketch)

    def export_once(run_dir: Path, out: Path, **options: Any) -> ModelSpec:
        return Classifier(out).spec if out.exists() else export_model(run_dir, out, **options)

    monkeypatch.setattr(reproduction, "export_model", export_once)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    folder = tmp_path_factory.mktemp("data")
    table = write_csv(folder / "fer2013.csv", FACES)
    votes = write_votes(folder / "fer2013new.csv", FACES)
    return ("--data", str(table), "--votes", str(votes))


@pytest.fixture(scope="module")
def out(data: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the paper was reproduced, with one epoch by each recipe."""
    folder = tmp_path_factory.mktemp("reproduced") / "report"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["mien", "reproduce", *data, "--out", str(folder), *QUICK])
        with pytest.raises(SystemExit) as ended:
            main()
    assert not ended.value.code
    return folder


@pytest.fixture(scope="module")
def text(out: Path) -> str:
    return (out / "report.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(out: Path) -> str:
    return (out / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def faces(data: tuple[str, ...]) -> FaceSet:
    return load_faces(data[1], votes=data[3])


def _row(text: str, name: str, section: str) -> list[str]:
    """The cells of the table row that begins with `name`, in the section with that title."""
    part = text.split(f" {section}", 1)[1].split("\n#", 1)[0]
    (row,) = (line for line in part.splitlines() if line.startswith(f"| {name} |"))
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_the_folder_holds_the_report_its_figures_runs_and_models(out: Path, text: str) -> None:
    names = ["figures", "models", "report.html", "report.md", "runs"]
    assert sorted(path.name for path in out.iterdir()) == names
    assert sorted(path.name for path in (out / "runs").iterdir()) == ["paper", "paper-modern"]
    for name in ("paper", "paper-modern"):
        assert Classifier(out / "models" / f"{name}.onnx").spec.recipe == name

    shown = re.findall(r"!\[[^]]+\]\(([^)]+)\)", text)
    assert len(shown) == 11
    assert {out / name for name in shown} == set((out / "figures").glob("*.png"))
    assert all((out / name).with_suffix(".svg").is_file() for name in shown)
    assert "figures/samples.png" in shown
    assert "## A photo" not in text


def test_the_page_shows_what_the_markdown_says_and_needs_no_other_file(
    text: str, page: str
) -> None:
    addresses = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"')\s>]+)""", page)

    assert len(addresses) == 11
    assert all(address.startswith("data:image/png;base64,") for address in addresses)
    for unwanted in ("<script", "<link", "![", "| ---"):  # the last, Markdown not understood
        assert unwanted not in page
    assert page.count("<table>") == page.count("</table></div>") == 8
    assert "<title>The paper, reproduced and corrected</title>" in page
    shown = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page))
    for line in text.splitlines():
        if line.startswith("| ") and "---" not in line:
            for cell in line.strip("|").split("|"):
                assert cell.strip().replace("`", "").strip("*") in shown
    assert "**" not in shown


def test_the_network_is_the_papers(text: str) -> None:
    for name, shape, parameters in paper.TABLE_2:
        cells = _row(text, name, "The network")
        printed = " x ".join(map(str, shape)), f"{parameters:,}"
        assert tuple(cells[1:3]) == tuple(cells[3:5]) == printed
        assert cells[-1] == "yes"
    assert _row(text, "total", "The network")[2::2] == ["2,489,095", "2,489,095", "yes"]


def test_the_history_has_the_papers_epochs_and_ours(out: Path, text: str) -> None:
    (row,) = read_history(out / "runs" / "paper")

    for epoch, *printed in paper.TABLE_3:
        cells = _row(text, str(epoch), "Training history")
        assert cells[1:5] == [f"{value:.4f}" for value in printed]
        if epoch:
            assert cells[5:] == ["-"] * 4
    ours = [f"{v:.4f}" for v in (row.loss, row.accuracy, row.val_loss, row.val_accuracy)]
    assert _row(text, "0", "Training history")[5:] == ours


def test_the_accuracies_are_those_of_the_models(out: Path, text: str, faces: FaceSet) -> None:
    assert _row(text, "the paper", "Accuracy")[2] == "0.6538"
    for name in ("paper", "paper-modern"):
        classifier = Classifier(out / "models" / f"{name}.onnx")
        cells = _row(text, name, "Accuracy")
        train, val_test, test = (
            evaluate(classifier, faces.split(split)) for split in ("train", "val+test", "test")
        )
        assert cells[1:3] == [f"{train.accuracy:.4f}", f"{val_test.accuracy:.4f}"]
        assert cells[3].startswith(f"{test.accuracy:.4f} (")
        assert cells[4] == f"{test.accuracy:.4f} (n {test.n})"
        assert cells[5] == f"{test.macro_f1:.4f}"
        assert re.fullmatch(r"[01]\.\d{4} \(n \d+\)", cells[8])


@pytest.mark.parametrize(
    ("split", "table", "section"),
    [("train", paper.TABLE_4, "Training images"), ("val+test", paper.TABLE_5, "Validation images")],
)
def test_the_reports_have_the_papers_scores_and_ours_and_the_same_accuracy_as_evaluate(
    split: str,
    table: dict[str, ClassScore],
    section: str,
    out: Path,
    text: str,
    faces: FaceSet,
) -> None:
    part = faces.split(split)
    ours = evaluate(Classifier(out / "models" / "paper.onnx"), part)

    for label in EMOTIONS:
        cells = _row(text, label, section)
        printed, right = table[label], ours.per_class[label]
        assert cells[1] == str(right.support)
        assert cells[2:5] == [f"{v:.2f}" for v in (printed.precision, printed.recall, printed.f1)]
        assert cells[8:] == [f"{v:.2f}" for v in (right.precision, right.recall, right.f1)]
    accuracy = _row(text, "accuracy", section)
    assert (accuracy[1], accuracy[2], accuracy[8]) == (
        *(str(len(part)), "0.18"),
        f"{ours.accuracy:.2f}",
    )


def test_the_data_are_counted_and_the_commands_train_the_same_again(out: Path, text: str) -> None:
    assert _row(text, "angry", "The data") == ["angry", "4,593", "14", "8", "6"]
    assert _row(text, "all", "The data") == ["all", "35,527", "98", "56", "42"]
    assert "4,593 angry images should be 4,953" in text
    # They are not FER2013, and the report does not call them so.
    assert "98 images, where FER2013 has 35,887" in text
    assert "on the 42 validation images" in " ".join(text.split())
    assert "the paper's 42" not in text
    assert "| emotion | paper | here | training |" in text
    for name in ("paper", "paper-modern"):
        assert read_config(out / "runs" / name).recipe.epochs == 1
        line = f"mien train --data FER2013 --recipe {name} --epochs 1 --seed 0"
        assert f"{line} --out report/runs/{name}\n" in text
    assert "\nmien reproduce --data FER2013 --out report --no-train\n" in text


@pytest.mark.usefixtures("sketched")
def test_without_training_the_same_is_written_of_the_runs_that_are_there(
    mien: Mien, data: tuple[str, ...], out: Path, text: str, page: str
) -> None:
    weights = [(out / "runs" / name / "best.pt") for name in ("paper", "paper-modern")]
    before = [path.stat().st_mtime_ns for path in weights]
    (out / "report.md").unlink()
    (out / "report.html").unlink()
    ended = mien("reproduce", *data, "--out", out, "--no-train")

    assert ended.status == 0
    assert ended.stdout.split() == [str(out / "report.md"), str(out / "report.html")]
    assert ended.stderr == ""
    assert [path.stat().st_mtime_ns for path in weights] == before
    assert (out / "report.md").read_text(encoding="utf-8") == text
    assert (out / "report.html").read_text(encoding="utf-8") == page


def test_runs_are_not_reported_with_faces_of_another_set(
    mien: Mien, out: Path, text: str, tmp_path: Path
) -> None:
    other = write_csv(tmp_path / "other.csv", made_up_faces(train=1, val=1, test=1, seed=5))
    ended = mien("reproduce", "--data", other, "--out", out, "--no-train")

    assert (ended.status, ended.stdout) == (2, "")
    assert "expected the data set that it was trained with" in ended.stderr.splitlines()[-1]
    assert "the 7 of other are others" in ended.stderr.splitlines()[-1]
    assert (out / "report.md").read_text(encoding="utf-8") == text


def _interrupt_at(epoch: int, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Ctrl-C in the last step of that epoch; returns what takes it back."""
    show = TrainingDisplay.report

    def interrupt(display: TrainingDisplay, progress: Progress) -> None:
        show(display, progress)
        if progress.row is None and progress.epoch == epoch:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(TrainingDisplay, "report", interrupt)
    return lambda: monkeypatch.setattr(TrainingDisplay, "report", show)


@pytest.mark.usefixtures("sketched")
def test_ctrl_c_ends_and_the_same_command_goes_on(
    mien: Mien, out: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    table = write_csv(tmp_path / "fer2013.csv", FACES)  # without votes
    folder = tmp_path / "report"
    arguments: tuple[Any, ...] = ("reproduce", "--data", table, "--out", folder)
    arguments += ("--paper-epochs", 2, "--modern-epochs", 1)
    for epoch in (1, 2):
        take_back = _interrupt_at(epoch, monkeypatch)
        ended = mien(*arguments)
        take_back()
        assert ended.status == 130
        assert ended.stdout == ""
        assert ended.stderr.splitlines()[-1] == (
            "mien: interrupted and saved; the same command goes on from there"
        )
        assert [row.epoch for row in read_history(folder / "runs/paper")] == [1, 2][:epoch]
        assert not (folder / "runs" / "paper-modern").exists()
    history = history_of(read_history(folder / "runs/paper"))

    shutil.copytree(out / "models", folder / "models")  # which takes seconds to export
    ended = mien(*arguments)
    assert ended.status == 0
    told = "mien: fer2013 has no FER+ votes: paper-modern goes without them (votes_weight 0)"
    assert ended.stderr.count(told) == 1
    assert history_of(read_history(folder / "runs/paper")) == history
    assert "epoch 2/2" not in ended.stderr
    assert read_config(folder / "runs/paper-modern").recipe.votes_weight == 0.0
    text = (folder / "report.md").read_text(encoding="utf-8")
    assert _row(text, "paper-modern", "Accuracy")[8] == "-"
    assert "--recipe paper-modern --epochs 1 --votes-weight 0.0 --seed 0" in text
    assert "2 of its 100 epochs" in text

    # The paper's recipe alone, from the same folder.
    alone = mien(*arguments[:-1], 0, "--no-train")
    assert alone.status == 0
    text = (folder / "report.md").read_text(encoding="utf-8")
    assert "paper-modern" not in text
    assert "for 2 of its 100 epochs:" in text
    assert "--no-train --modern-epochs 0\n" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--data all.csv --no-train", "report/runs/paper: expected a training run"),
        ("--data train-val.csv", "no faces in split 'test'; it has train, val"),
        ("--data all.csv --paper-epochs 0", "epochs: expected 1 or more; got 0"),
    ],
)
def test_what_cannot_be_reproduced_is_one_line_before_any_training(
    arguments: str, message: str, mien: Mien, here: Path
) -> None:
    few = made_up_faces(train=1, val=1, test=1)
    write_csv(Path("all.csv"), few)
    write_csv(Path("train-val.csv"), few.split("train+val"))
    write_csv(Path("test.csv"), few.split("test"))
    ended = mien("reproduce", *arguments.split(), "--out", "report")

    assert (ended.status, ended.stdout) == (2, "")
    assert message in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr
    assert not Path("report").exists()


def test_a_photo_is_read_by_each_model_and_faces_of_the_set_can_be_kept_out(
    out: Path, data: tuple[str, ...], portrait: Path, tmp_path: Path, sketched: None, mien: Mien
) -> None:
    shutil.copytree(out / "runs", tmp_path / "report" / "runs")
    shutil.copytree(out / "models", tmp_path / "report" / "models")
    options = ("--no-train", "--no-samples", "--photo", portrait)
    written = mien("reproduce", *data, "--out", tmp_path / "report", *options, *QUICK)

    assert written.status == 0
    text = (tmp_path / "report" / "report.md").read_text(encoding="utf-8")
    figures = {path.name for path in (tmp_path / "report" / "figures").iterdir()}
    assert "--out report --no-train --photo PHOTO --no-samples\n" in text  # what makes it again
    assert "`PHOTO` for a photo" in text
    assert "samples.png" not in text
    assert not {name for name in figures if name.startswith("samples")}
    for name in ("paper", "paper-modern"):
        assert f"figures/{name}-photo.jpg" in text
        assert f"{name}-photo.jpg" in figures
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/jpeg;base64,") == 2
