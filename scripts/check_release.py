"""Builds what a release ships, looks into it, and runs the demo from it in an empty environment.

    python scripts/check_release.py --out dist

An sdist and a wheel are built from the tree, and a wheel from that sdist, which must be the same to
the byte. The wheel must hold what mien needs and nothing else. Then it is installed into a virtual
environment of its own, and reads the portrait there, in a folder without the sources.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path, PurePosixPath
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
PORTRAIT: Final = ROOT / "examples" / "astronaut.jpg"

MOST_BYTES: Final = 25_000_000
"""Of a wheel and of an sdist: more is a data set, or a model that nobody meant to ship."""

ENDINGS: Final = frozenset(
    {".py", ".onnx", ".safetensors", ".md", ".LICENSE", ".typed"}
    | {".html", ".js", ".css", ".svg", ".json", ".txt"}
)
"""Of files in the wheel's folder `mien`. Pictures, tables and weights of other kinds stay out."""

NEEDED: Final = (
    "mien/py.typed",
    "mien/assets/yunet.onnx",
    "mien/assets/yunet.LICENSE",
    "mien/assets/models/mien.onnx",
    "mien/assets/models/mien.md",
    "mien/assets/models/mien.safetensors",
    "mien/assets/models/paper.onnx",
    "mien/assets/models/paper.md",
    "mien/web/static/index.html",
    "mien/output/templates/base.html",
    "mien/assets/astronaut.jpg",
)
"""Files without which some command does not work, or a licence is not kept."""

SOURCES: Final = (
    *("pyproject.toml", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "NOTICE"),
    *("CITATION.cff", "SECURITY.md"),
    *("Makefile", "Dockerfile", "mkdocs.yml", "constraints.txt", "examples/astronaut.jpg"),
    *("docs/how-it-works.md", "scripts/check_release.py", "tests/conftest.py"),
)
"""Files of the sdist from which one can test, document and release mien."""


class ReleaseError(Exception):
    """Something that is not to be released; the message says what was expected and what came."""


def build(source: Path, out: Path, *kinds: str) -> None:
    """Build distributions of a folder, each kind in an environment of its own.

    Args:
        source: with its pyproject.toml.
        out: folder of the results.
        kinds: "--sdist", "--wheel"; without one, an sdist and a wheel from it.
    """
    run([sys.executable, "-m", "build", "--outdir", str(out), *kinds, str(source)])


def wheel_findings(wheel: Path, source: Path = ROOT) -> list[str]:
    """What a wheel holds too much, or lacks; empty if it is as it should be.

    Args:
        wheel: the file.
        source: the tree that it was built from; its modules and static files must all be there.
    """
    found = _too_big(wheel)
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        notice = [name for name in names if name.endswith(".dist-info/licenses/NOTICE")]
        if not notice or b"Haar cascade" not in archive.read(notice[0]):
            found.append(
                "expected licenses/NOTICE, which names the works of others; it is not there"
            )
    if not any(name.endswith(".dist-info/licenses/LICENSE") for name in names):
        found.append("expected licenses/LICENSE; it is not there")
    tree = {
        f"mien/{path.relative_to(source / 'src' / 'mien').as_posix()}"
        for path in (source / "src" / "mien").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    found += [f"{name}: expected in the wheel" for name in sorted({*NEEDED, *tree} - names)]
    for name in sorted(names):
        top = PurePosixPath(name).parts[0]
        if top != "mien":
            if not top.endswith(".dist-info"):
                found.append(f"{name}: expected nothing beside the package mien")
        elif PurePosixPath(name).suffix not in ENDINGS and name not in NEEDED:
            found.append(f"{name}: expected no file of this kind in the package")
    return found


def sdist_findings(sdist: Path) -> list[str]:
    """What an sdist lacks, or holds and should not; empty if it is as it should be."""
    with tarfile.open(sdist) as archive:
        names = {PurePosixPath(*PurePosixPath(name).parts[1:]) for name in archive.getnames()}
    found = _too_big(sdist)
    found += [
        f"{name}: expected in the sdist" for name in SOURCES if PurePosixPath(name) not in names
    ]
    data = (".parquet", ".csv", ".npy", ".npz", ".pt", ".h5", ".part")
    found += [f"{name}: expected no data in the sdist" for name in names if name.suffix in data]
    return found


def _too_big(path: Path) -> list[str]:
    size = path.stat().st_size
    if size <= MOST_BYTES:
        return []
    return [f"{path.name}: expected at most {MOST_BYTES / 1e6:.0f} MB; it has {size / 1e6:.1f} MB"]


def try_wheel(wheel: Path, folder: Path) -> None:
    """Install a wheel into an empty environment and use it as somebody who has just done so.

    Args:
        wheel: the file.
        folder: empty; takes the environment and what the demo writes.
    Raises:
        ReleaseError: a command does not do what it should.
    """
    environment = folder / "environment"
    venv.create(environment, with_pip=True)
    binaries = environment / ("Scripts" if os.name == "nt" else "bin")
    python, mien = str(binaries / "python"), str(binaries / "mien")
    pip = [python, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    run([*pip, "install", "--no-compile", str(wheel)])  # what is used is compiled then
    run([*pip, "check"])
    work = folder / "work"
    work.mkdir()
    shutil.copy(PORTRAIT, work / "portrait.jpg")

    where = run([python, "-c", "import mien; print(mien.__file__)"], cwd=work)
    if not Path(where.strip()).is_relative_to(environment):
        raise ReleaseError(f"expected mien from {environment}; it came from {where.strip()}")
    table = run([mien, "detect", "portrait.jpg", "--out", "annotated"], cwd=work)
    if "happy" not in table or not (work / "annotated" / "portrait.jpg").is_file():
        raise ReleaseError(f"expected a happy face and an annotated copy; got {table!r}")
    for arguments in (
        ["--help"],
        ["models"],
        ["detect", "portrait.jpg", "--detector", "haar"],
        ["explain", "portrait.jpg"],
        ["batch", "portrait.jpg", "--out", "rows"],
    ):
        run([mien, *arguments], cwd=work)
    run([python, "-m", "mien.bench"], cwd=work)
    for extra, arguments in (
        ("train", ["train", "--data", ".", "--out", "run"]),
        ("web", ["serve"]),
    ):
        refused = subprocess.run([mien, *arguments], cwd=work, capture_output=True, text=True)
        if refused.returncode != 2 or f"pip install 'mien[{extra}]'" not in refused.stderr:
            raise ReleaseError(
                f"expected `mien {arguments[0]}` to name the extra {extra}; got {refused.stderr!r}"
            )


def run(command: list[str], *, cwd: Path | None = None) -> str:
    """Run a command without the sources on its path; returns what it prints.

    Raises:
        ReleaseError: it fails; the message has the end of what it said.
    """
    surroundings = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(command, cwd=cwd, env=surroundings, capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-2000:]
        raise ReleaseError(f"{' '.join(command)} ended with status {done.returncode}: {said}")
    return done.stdout


def main(arguments: list[str] | None = None) -> int:
    """Build, look, try; returns the exit status. What is built stays in --out if all is well."""
    parser = argparse.ArgumentParser(description="Build a release and check it.")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="Folder for the files.")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="mien-release-") as name:
        folder = Path(name)
        try:
            release(folder)
        except ReleaseError as error:
            print(error, file=sys.stderr)
            return 1
        options.out.mkdir(parents=True, exist_ok=True)
        for path in sorted((folder / "built").iterdir()):
            copied = shutil.copy(path, options.out)
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            print(f"{copied}: {path.stat().st_size / 1e6:.1f} MB, sha256 {digest}")
    return 0


def release(folder: Path) -> None:
    """Build into `folder`/built, and check what comes of it.

    Raises:
        ReleaseError: it is not to be released.
    """
    build(ROOT, folder / "built")
    build(ROOT, folder / "direct", "--wheel")
    (wheel,) = (folder / "built").glob("*.whl")
    (sdist,) = (folder / "built").glob("*.tar.gz")
    (direct,) = (folder / "direct").glob("*.whl")
    found = wheel_findings(wheel) + sdist_findings(sdist)
    if wheel.read_bytes() != direct.read_bytes():
        found.append("expected the same wheel from the sdist as from the tree; they differ")
    if found:
        raise ReleaseError("\n".join(found))
    (folder / "trial").mkdir()
    try_wheel(wheel, folder / "trial")


if __name__ == "__main__":
    sys.exit(main())
