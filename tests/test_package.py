import ast
import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import mien
import mien.errors
from mien import MienError

# What Python itself reads to import: code, and extension modules (-B: it writes nothing that it
# compiles). Sockets and processes: never.
WATCH = """
import json, sys
seen = []
def watch(event, arguments):
    if event == "open" and not str(arguments[0]).endswith((".py", ".pyc", ".so", ".pyd")):
        seen.append(f"{event} {arguments[0]}")
    if event.startswith(("socket.", "urllib.", "subprocess.", "os.system")):
        seen.append(event)
sys.addaudithook(watch)
import mien
print(json.dumps([seen, sorted(sys.modules)]))
"""


# Loaded when they are asked for.
LATER = {"VideoResult", "analyze_video", "annotate", "explain_crop"}


def test_import_is_light_and_touches_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-B", "-c", WATCH], capture_output=True, text=True, check=True, timeout=60
    )
    seen, modules = json.loads(done.stdout)
    assert seen == []
    assert done.stderr == ""
    heavy = {
        "torch",
        "jinja2",
        "matplotlib",
        "sklearn",
        "pandas",
        "pyarrow",
        "onnx",
        "PIL.ImageFont",
    }
    assert heavy.isdisjoint(modules)
    assert not [
        name for name in modules if name.startswith(("mien.learn", "mien.recognize.video", "av"))
    ]


def test_what_images_do_without_comes_when_it_is_asked_for() -> None:
    from mien.output.overlay import annotate
    from mien.recognize.explain import explain_crop
    from mien.rows.table import VideoResult

    assert mien.VideoResult is VideoResult
    assert mien.explain_crop is explain_crop
    assert mien.annotate is annotate
    with pytest.raises(AttributeError, match="no attribute 'analyse_video'"):
        _ = mien.analyse_video  # type: ignore[attr-defined]


def test_all_names_everything_public() -> None:
    public = {
        name
        for name, value in vars(mien).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    public -= {"Any", "TYPE_CHECKING"}
    public |= LATER
    assert set(mien.__all__) == public
    assert len(mien.__all__) == len(public)


def test_every_error_is_public_and_a_mien_error() -> None:
    errors = [value for value in vars(mien.errors).values() if isinstance(value, type)]
    assert all(issubclass(error, MienError) for error in errors)
    assert {error.__name__ for error in errors} <= set(mien.__all__)


def test_every_public_thing_is_described() -> None:
    named = [getattr(mien, name) for name in mien.__all__]
    assert all(thing.__doc__ for thing in named if callable(thing))


def test_version_is_that_of_the_installed_package() -> None:
    assert mien.__version__ == importlib.metadata.version("mien")


def test_no_function_is_long() -> None:
    """More than 80 lines are more than one care."""
    root = Path(__file__).parents[1]
    rooms = ("src", "tests", "benchmarks", "scripts", "fuzz")
    files = [path for room in rooms for path in sorted((root / room).rglob("*.py"))]
    long = [
        f"{path.relative_to(root)}: {node.name}"
        for path in files
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= 80
    ]
    assert files
    assert not long
