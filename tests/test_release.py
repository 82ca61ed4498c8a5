import io
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import mien
from mien import bench

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

import check_release  # noqa: E402

INFO = f"mien-{mien.__version__}.dist-info"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the tree, without an environment of its own: seconds, not a minute."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    subprocess.run(
        [*command, "--directory", str(out)], cwd=ROOT, check=True, capture_output=True, timeout=120
    )
    return next(out.glob("*.whl"))


def test_the_wheel_holds_what_mien_needs_and_nothing_else(wheel: Path) -> None:
    assert check_release.wheel_findings(wheel) == []
    assert wheel.stat().st_size < 25e6


def test_the_wheel_names_its_extras(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(f"{INFO}/METADATA").decode()
    for extra in ("train", "video", "web", "ray", "audit", "keras"):
        assert f"Provides-Extra: {extra}\n" in metadata
    assert "License-Expression: MIT\n" in metadata
    assert "Requires-Python: >=3.11\n" in metadata


def test_the_citation_is_of_this_version_and_names_the_paper() -> None:
    cited = (ROOT / "CITATION.cff").read_text()
    assert f"\nversion: {mien.__version__}\n" in cited
    assert "    title: >-\n      Facial Image Emotion Recognition and Detection" in cited
    assert "    family-names: Njoku\n" in cited.replace("        family", "    family")


def test_the_benchmark_of_the_package_brings_its_picture() -> None:
    example = ROOT / "examples" / "astronaut.jpg"
    assert bench.PICTURE.read_bytes() == example.read_bytes()
    assert bench.PICTURE.is_relative_to(Path(mien.__file__).parent)


def altered(wheel: Path, path: Path, *, without: str = "", extra: str = "") -> Path:
    """A copy of a wheel without a file, or with one more."""
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            if name != without:
                new.writestr(name, old.read(name))
        if extra:
            new.writestr(extra, b"\0")
    return path


@pytest.mark.parametrize(
    "name",
    [
        "mien/py.typed",
        "mien/assets/yunet.LICENSE",
        "mien/assets/models/mien.onnx",
        "mien/web/static/index.html",
        "mien/commands/detect.py",
        f"{INFO}/licenses/LICENSE",
        f"{INFO}/licenses/NOTICE",
    ],
)
def test_a_wheel_without_it_is_refused(wheel: Path, tmp_path: Path, name: str) -> None:
    found = check_release.wheel_findings(altered(wheel, tmp_path / "a.whl", without=name))
    assert len(found) == 1
    assert Path(name).name in found[0]


@pytest.mark.parametrize(
    "name", ["mien/fer2013.parquet", "mien/assets/face.png", "tests/conftest.py", "mien/best.pt"]
)
def test_a_wheel_with_data_or_another_package_is_refused(
    wheel: Path, tmp_path: Path, name: str
) -> None:
    (found,) = check_release.wheel_findings(altered(wheel, tmp_path / "a.whl", extra=name))
    assert found.startswith(f"{name}: expected no")


def test_what_is_too_large_is_refused(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_release, "MOST_BYTES", 1_000_000)
    (found,) = check_release.wheel_findings(wheel)
    assert "expected at most 1 MB" in found


@pytest.mark.parametrize(
    ("missing", "extra", "complaint"),
    [
        ("", "", ""),
        ("NOTICE", "", "NOTICE: expected in the sdist"),
        ("", "docs/fer2013.csv", "docs/fer2013.csv: expected no data"),
    ],
)
def test_the_sdist_is_whole_and_without_data(
    tmp_path: Path, missing: str, extra: str, complaint: str
) -> None:
    path = tmp_path / "mien.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name in (*check_release.SOURCES, extra):
            if name not in ("", missing):
                archive.addfile(tarfile.TarInfo(f"mien-1.0/{name}"), io.BytesIO())
    found = check_release.sdist_findings(path)
    assert [complaint in line for line in found] == [True] * bool(complaint)


def test_a_command_that_fails_says_what_it_said() -> None:
    with pytest.raises(check_release.ReleaseError, match="status 3: no such thing"):
        check_release.run([sys.executable, "-c", "import sys; print('no such thing'); sys.exit(3)"])
