"""What other packages do to OpenCV, and what is said then; what OpenCV does to the process.

And what a program is told that was packed without mien's own files.
"""

import os
import re
import shutil
import sys
from pathlib import Path

import cv2
import pytest

from command_line import Mien, in_python
from mien import HaarDetector, MienError, YuNetDetector, load_image, opencv

pytestmark = [pytest.mark.slow, pytest.mark.newest]

MEND = "pip install --force-reinstall 'opencv-python-headless>=4.10,<5'"


@pytest.fixture
def another_opencv(tmp_path: Path) -> Path:
    """A folder in which opencv-python 5 is said to have installed cv2."""
    information = tmp_path / "opencv_python-5.0.0.93.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Name: opencv-python\nVersion: 5.0.0.93\n")
    (information / "RECORD").write_text("cv2/version.py,,\n")
    (tmp_path / "cv2").mkdir()
    (tmp_path / "cv2" / "version.py").touch()  # files that are gone are not listed
    return tmp_path


def test_a_package_that_took_what_is_needed_from_opencv_is_named(
    another_opencv: Path, mien: Mien, portrait: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(another_opencv)
    monkeypatch.delattr(cv2, "CascadeClassifier")
    done = mien("detect", portrait, "--detector", "haar")
    assert (done.status, done.stdout) == (2, "")
    assert done.stderr == (
        "mien: expected OpenCV as opencv-python-headless 4.10 or later, before 5, brings it; cv2 "
        "has no CascadeClassifier. opencv-python 5.0.0.93 has overwritten or removed it. Mend it "
        f"with: pip uninstall -y opencv-python opencv-python-headless, then: {MEND}\n"
    )
    assert YuNetDetector().detect(load_image(portrait)) != []  # which needs nothing of that


@pytest.mark.parametrize("name", ["dnn", "CascadeClassifier", "data"])
def test_an_opencv_whose_files_went_with_another_package_can_be_mended(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(cv2, name)
    # All that is installed is looked through for it, which the test above does.
    own = {"cv2": ["opencv-python-headless"]}
    monkeypatch.setattr("importlib.metadata.packages_distributions", lambda: own)
    with pytest.raises(MienError) as error:
        YuNetDetector() if name == "dnn" else HaarDetector()
    message = str(error.value)
    assert f"cv2 has no {name}. Another package, such as opencv-python, has overwritten" in message
    assert message.endswith(f"Mend it with: pip uninstall -y opencv-python-headless, then: {MEND}")


def test_an_opencv_that_cannot_be_imported_can_be_mended(another_opencv: Path) -> None:
    fault = "libGL.so.1: cannot open shared object file: No such file or directory"
    (another_opencv / "cv2" / "__init__.py").write_text(f"raise ImportError({fault!r})\n")
    path = os.pathsep.join([str(another_opencv), os.environ.get("PYTHONPATH", "")])
    done = in_python("-c", "from mien import Recognizer", env={**os.environ, "PYTHONPATH": path})
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ImportError: expected OpenCV as opencv-python-headless 4.10")
    assert f"{fault}. opencv-python 5.0.0.93 has overwritten or removed it. Mend it with:" in last


@pytest.mark.parametrize(
    ("module", "before"), [("mien.recognize", None), ("mien.output.overlay", "/opt/lib")]
)
def test_the_environment_of_processes_to_come_stays(module: str, before: str | None) -> None:
    own = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
    own |= {} if before is None else {"LD_LIBRARY_PATH": before}
    code = (
        f"import os; was = dict(os.environ); import {module}; import cv2; print(was == os.environ)"
    )
    done = in_python("-c", code, env=own, check=True)
    assert done.stdout == "True\n"


def test_opencv_is_imported_by_the_one_module_that_keeps_the_environment() -> None:
    package = Path(opencv.__file__).parent
    by_itself = [
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if re.search("^ *import cv2$", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    # `mien.recognize` has imported it in that way before any of its modules is there.
    assert [name for name in by_itself if not name.startswith("recognize/")] == ["opencv.py"]


WITHOUT_FILES = """
import mien, mien.output.pages, mien.recognize.movements
for opened in (
    mien.Recognizer,
    mien.Classifier,
    mien.recognize.movements.Movements,
    lambda: mien.output.pages.render("video.html"),
):
    try:
        opened()
    except mien.MienError as error:
        print(error)
"""


def test_a_program_that_was_packed_without_the_files_of_mien_is_told(tmp_path: Path) -> None:
    package = Path(opencv.__file__).parent
    for code in package.rglob("*.py"):
        copy = tmp_path / "mien" / code.relative_to(package)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(code, copy)
    done = in_python("-c", WITHOUT_FILES, env={**os.environ, "PYTHONPATH": str(tmp_path)})
    missing = ("yunet.onnx", "mien.onnx", "movements.onnx", "base.html")
    for name, line in zip(missing, done.stdout.splitlines(), strict=True):
        assert f"{name}: expected a file that mien brings with it; it is not there." in line
        assert "PyInstaller by --collect-data mien" in line


def test_a_program_that_was_packed_without_the_files_of_opencv_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cv2.data.haarcascades", str(tmp_path))
    with pytest.raises(MienError, match=r"frontalface_default\.xml: .* PyInstaller .*-data cv2,"):
        HaarDetector()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are Unicode")
def test_the_files_of_opencv_are_read_in_a_folder_whose_name_is_no_utf_8(
    portrait: Path, tmp_path: Path
) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    shutil.copytree(opencv.of_opencv("data").haarcascades, folder)
    code = (
        "import sys, cv2, mien; cv2.data.haarcascades = sys.argv[1]; "
        "print(mien.HaarDetector().detect(mien.load_image(sys.argv[2])))"
    )
    done = in_python("-c", code, folder, portrait, check=True)
    assert done.stdout == f"{HaarDetector().detect(load_image(portrait))}\n"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores are told to Linux alone")
def test_every_core_is_every_one_that_the_process_may_use(tiny_model: Path) -> None:
    code = (
        "import os, sys; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); "
        "os.cpu_count = lambda: 4; from mien import Classifier; "
        "count = lambda: len(os.listdir('/proc/self/task')); before = count(); "
        "kept = Classifier(sys.argv[1], threads=0); print(count() - before)"
    )
    done = in_python("-c", code, tiny_model, check=True)
    assert done.stdout == "0\n"
