import ast
import dataclasses
import importlib
import importlib.metadata
import json
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import mien
import mien.errors
from command_line import in_python
from mien import ImageResult, MienError

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
exec(sys.argv[1])
print(json.dumps([seen, sorted(sys.modules)]))
"""


def seen_and_loaded(statement: str) -> tuple[list[str], list[str]]:
    """What running it opens, and the modules that are there then."""
    done = in_python("-B", "-c", WATCH, statement, check=True)
    assert done.stderr == ""
    seen, modules = json.loads(done.stdout)
    return seen, modules


HEAVY = ("torch", "sklearn", "scipy", "pyarrow", "pandas", "matplotlib", "jinja2", "onnx")
VIDEOS = ("mien.learn", "mien.recognize.video", "av", "PIL.ImageFont")


@pytest.mark.parametrize(
    ("statement", "others"),
    [
        ("import mien", ("mien.", "numpy", "cv2")),
        ("from mien import Recognizer, load_image", (*HEAVY, *VIDEOS)),
        (
            "import mien.cli.detect, mien.cli.models, mien.cli.card, mien.recognize.catalog",
            ("torch", "sklearn", "scipy", "pyarrow", "rich.markdown", "mien.learn"),
        ),
    ],
)
def test_imports_are_light_and_touch_nothing(statement: str, others: tuple[str, ...]) -> None:
    seen, modules = seen_and_loaded(statement)
    assert seen == []
    assert [name for name in modules if is_of(name, others)] == []


def is_of(module: str, packages: tuple[str, ...]) -> bool:
    return module in packages or module.startswith(
        tuple(f"{name.rstrip('.')}." for name in packages)
    )


def test_a_jpeg_is_read_without_the_readers_of_other_formats_nor_an_extra() -> None:
    portrait = Path(mien.__file__).parent / "assets" / "astronaut.jpg"
    _, modules = seen_and_loaded(f"from mien import Recognizer; Recognizer()({str(portrait)!r})")
    plugins = {name for name in modules if name.startswith("PIL.") and name.endswith("Plugin")}
    assert plugins == {"PIL.JpegImagePlugin"}
    assert [name for name in modules if is_of(name, (*HEAVY, *VIDEOS))] == []


def test_garbage_is_looked_for_once_all_that_a_command_needs_is_there() -> None:
    run = """
import gc, os, sys
looked = []
gc.callbacks.append(lambda phase, _: looked.append(phase))
os._exit = lambda status: print(gc.isenabled(), gc.get_freeze_count() > 10_000, len(looked) < 20)
sys.argv = ["mien", "detect", "--help"]
from mien.__main__ import run
run()
"""
    done = in_python("-c", run, check=True)
    assert done.stdout.splitlines()[-1] == "True True True"


def test_all_names_can_be_had_and_no_others() -> None:
    from mien.output.overlay import annotate
    from mien.recognize.recognizer import Recognizer
    from mien.rows.table import VideoResult

    assert mien.VideoResult is VideoResult
    assert mien.Recognizer is Recognizer
    assert mien.annotate is annotate
    assert all(getattr(mien, name) is not None for name in mien.__all__)
    assert set(mien.__all__) <= set(dir(mien))
    assert set(mien._HOMES) == set(mien.__all__)  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="no attribute 'analyse_video'"):
        _ = mien.analyse_video  # type: ignore[attr-defined]


def test_every_error_is_public_and_a_mien_error() -> None:
    errors = [value for value in vars(mien.errors).values() if isinstance(value, type)]
    assert all(issubclass(error, MienError) for error in errors)
    assert {error.__name__ for error in errors} <= set(mien.__all__)


def test_results_with_arrays_can_be_compared() -> None:
    """An array has no one answer to ==: such a result is equal to itself alone."""
    results = {
        thing
        for found in pkgutil.walk_packages(mien.__path__, "mien.")
        if found.name != "mien.__main__"
        for thing in vars(importlib.import_module(found.name)).values()
        if isinstance(thing, type) and dataclasses.is_dataclass(thing)
    }
    assert ImageResult in results
    by_value = [
        f"{result.__name__}.{field.name}"
        for result in results
        if "__eq__" in vars(result)
        for field in dataclasses.fields(result)
        if field.compare and re.match(r"[^[]*(ndarray|NDArray)", str(field.type))
    ]
    assert by_value == []


def test_version_is_that_of_the_installed_package() -> None:
    assert mien.__version__ == importlib.metadata.version("mien")


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """What stands in it, at any depth; not the expressions, which are most of a tree."""
    for field in ("body", "orelse", "handlers", "finalbody", "cases"):
        inner = getattr(node, field, ())
        for statement in inner if isinstance(inner, list) else ():  # a lambda has one expression
            yield statement
            yield from statements(statement)


@pytest.mark.tools
def test_no_function_is_long() -> None:
    """More than 80 lines are more than one care."""
    root = Path(__file__).parents[1]
    rooms = ("src", "tests", "benchmarks", "scripts", "fuzz")
    files = [path for room in rooms for path in sorted((root / room).rglob("*.py"))]
    long = [
        f"{path.relative_to(root)}: {node.name}"
        for path in files
        for node in statements(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= 80
    ]
    assert files
    assert not long
