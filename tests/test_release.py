import json
import zipfile
from pathlib import Path, PurePosixPath

import pytest

import mien
from command_line import in_python
from mien import bench

pytestmark = pytest.mark.tools

ROOT = Path(__file__).resolve().parent.parent
INFO = f"mien-{mien.__version__}.dist-info"
ENDINGS = {".py", ".onnx", ".safetensors", ".md", ".LICENSE", ".typed", ".jpg"} | {
    *(".html", ".js", ".css", ".svg", ".json", ".txt", ".webmanifest")
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the tree, without an environment of its own: seconds, not a minute."""
    out = tmp_path_factory.mktemp("dist")
    words = ("-m", "hatchling", "build", "--target", "wheel", "--directory", out)
    in_python(*words, cwd=ROOT, check=True)
    return next(out.glob("*.whl"))


def test_the_wheel_is_the_package_and_its_licences(wheel: Path) -> None:
    """What check-wheel-contents, in `make release-check`, does not look at."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        assert b"Haar cascade" in archive.read(f"{INFO}/licenses/NOTICE")
    assert f"{INFO}/licenses/LICENSE" in names
    assert {PurePosixPath(name).parts[0] for name in names} == {"mien", INFO}
    kinds = {PurePosixPath(name).suffix for name in names if name.startswith("mien/")}
    assert kinds <= ENDINGS  # no data, no weights that nobody meant to ship
    assert wheel.stat().st_size < 25e6


def test_the_wheel_names_its_extras(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(f"{INFO}/METADATA").decode()
    for extra in ("batch", "train", "video", "web", "ray", "audit", "keras"):
        assert f"Provides-Extra: {extra}\n" in metadata
    assert "License-Expression: MIT AND Apache-2.0\n" in metadata
    assert "Requires-Python: >=3.11\n" in metadata


def test_the_citation_is_of_this_version_and_names_the_paper() -> None:
    cited = (ROOT / "CITATION.cff").read_text()
    assert f"\nversion: {mien.__version__}\n" in cited
    assert "    title: >-\n      Facial Image Emotion Recognition and Detection" in cited
    assert "    family-names: Njoku\n" in cited.replace("        family", "    family")


def test_the_npm_package_has_the_version_of_the_python_package() -> None:
    package, lock = (
        json.loads((ROOT / "js" / name).read_text())
        for name in ("package.json", "package-lock.json")
    )
    versions = {package["version"], lock["version"], lock["packages"][""]["version"]}
    assert versions == {mien.__version__}


def test_the_benchmark_of_the_package_brings_its_image() -> None:
    example = ROOT / "examples" / "astronaut.jpg"
    assert bench.IMAGE.read_bytes() == example.read_bytes()
    assert bench.IMAGE.is_relative_to(Path(mien.__file__).parent)
