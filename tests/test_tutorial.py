"""The tutorial runs, and what is printed in it is what it prints.

After a change to it or to what it uses:

    python tests/test_tutorial.py    # executes docs/tutorial.ipynb and keeps its outputs
"""

import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import pytest

from mien.labels import EMOTIONS

pytestmark = [pytest.mark.slow, pytest.mark.tools]

ROOT: Final = Path(__file__).resolve().parent.parent
TUTORIAL: Final = ROOT / "docs" / "tutorial.ipynb"


def read(path: Path) -> Any:
    """A notebook."""
    import nbformat  # two seconds, which each collection of all tests would take

    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]


def execute(notebook: Any, folder: Path, home: Path) -> None:
    """Run all cells of a notebook with this interpreter; raises where a cell does.

    Args:
        notebook: gets the outputs.
        folder: the kernel's working directory.
        home: a folder for what Jupyter and IPython write beside it.
    """
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient

    class ThisInterpreter(AsyncKernelManager):
        """Starts the kernel of the interpreter that runs this, whatever kernels the user has."""

        def __init__(self, **options: Any) -> None:
            # Without folders to look in, "python3" is the kernel of the running interpreter.
            super().__init__(**options, kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))

    settings = {
        "IPYTHONDIR": str(home / "ipython"),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "OMP_NUM_THREADS": "1",  # on busy cores, threads that wait for each other take far longer
    }
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        kernel_manager_class=ThisInterpreter,
        timeout=300,
        record_timing=False,
        coalesce_streams=True,
        extra_arguments=["--log-level=40"],  # errors; it warns of TCP, which stays on this machine
        resources={"metadata": {"path": str(folder)}},
    )
    with patch.dict(os.environ, settings):
        os.environ.pop("MIEN_FER2013", None)
        client.execute()


def working_copy(root: Path) -> Path:
    """What the notebook needs of the repository, copied; gives the folder that it lies in."""
    for file in ("docs/tutorial.ipynb", "examples/astronaut.jpg"):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, root / file)
    return root / "docs"


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def printed(notebook: Any) -> list[str]:
    """What each code cell prints."""
    return [
        "".join(output.text for output in cell.outputs if output.output_type == "stream")
        for cell in code_cells(notebook)
    ]


def gist(notebook: Any) -> list[tuple[str, list[list[str]]]]:
    """Of each code cell: its words, and the kinds of what it shows.

    Numbers and emotions are left out, because another processor rounds otherwise.
    """
    varying = re.compile(r"[\d.,%+-]+|\b(?:" + "|".join(EMOTIONS) + r")\b")
    return [
        (
            " ".join(varying.sub(" ", text).split()),
            [sorted(output.data) for output in cell.outputs if "data" in output],
        )
        for cell, text in zip(code_cells(notebook), printed(notebook), strict=True)
    ]


@pytest.fixture(scope="module")
def committed() -> Any:
    return read(TUTORIAL)


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The notebook after a run from docs/, without FER2013."""
    folder = working_copy(tmp_path_factory.mktemp("copy"))
    before = sorted(folder.parent.rglob("*"))
    notebook = read(folder / TUTORIAL.name)
    for cell in code_cells(notebook):
        cell.outputs, cell.execution_count = [], None
    execute(notebook, folder, tmp_path_factory.mktemp("home"))
    assert sorted(folder.parent.rglob("*")) == before  # it leaves no files
    return notebook


def test_every_cell_runs_and_complains_of_nothing(executed: Any) -> None:
    cells = code_cells(executed)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"]


def test_the_network_is_the_papers(executed: Any) -> None:
    text = "\n".join(printed(executed))
    assert "2,489,095 parameters; the paper has 2,489,095" in text
    assert "every layer as in the paper's Table 2: yes" in text


def test_training_learns_to_read_faces_that_it_has_not_seen(executed: Any) -> None:
    found = re.search(r"accuracy ([\d.]+) on (\d+) held-out faces", "\n".join(printed(executed)))
    assert found is not None
    assert int(found[2]) >= 100
    assert float(found[1]) > 0.6  # chance is 0.143


def test_the_portrait_is_read_as_happy(executed: Any) -> None:
    found = re.findall(r"a face from .*: (\w+) ([\d.]+)%", "\n".join(printed(executed)))
    assert [(emotion, float(percent) > 50) for emotion, percent in found] == [("happy", True)]


def test_every_figure_is_shown(executed: Any) -> None:
    kinds = [kind for _, shown in gist(executed) for data in shown for kind in data]
    assert kinds.count("image/png") == 4  # samples, history, confusion, reliability
    assert kinds.count("image/jpeg") == 1  # the annotated portrait


def test_committed_outputs_are_those_of_the_committed_code(committed: Any, executed: Any) -> None:
    cells = code_cells(committed)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert gist(committed) == gist(executed), "stale: run python tests/test_tutorial.py"


def test_committed_notebook_is_small_and_tells_nothing_of_where_it_ran(committed: Any) -> None:
    assert TUTORIAL.stat().st_size < 400_000
    assert all("execution" not in cell.metadata for cell in committed.cells)
    assert not re.findall(r"/(?:home|root|tmp|work|Users|var)/", "\n".join(printed(committed)))


def main() -> None:
    import nbformat

    notebook = read(TUTORIAL)
    with tempfile.TemporaryDirectory() as home:
        execute(notebook, TUTORIAL.parent, Path(home))
    # The version of the Python that ran it would change with every run.
    notebook.metadata.language_info = {"name": "python"}
    nbformat.write(notebook, TUTORIAL)  # type: ignore[no-untyped-call]
    print(f"{TUTORIAL.name}: {TUTORIAL.stat().st_size:,} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
