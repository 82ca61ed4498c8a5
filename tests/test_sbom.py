import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

import mien

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

import dependencies  # noqa: E402
import sbom  # noqa: E402


@pytest.fixture(scope="module")
def everything() -> dict[str, Any]:
    return sbom.environment()


@pytest.fixture(scope="module")
def base(everything: dict[str, Any]) -> dict[str, Any]:
    bill: dict[str, Any] = json.loads(sbom.bill(everything, "base"))  # validated as it is made
    return bill


def names(bill: dict[str, Any]) -> set[str]:
    return {component["name"].lower() for component in bill["components"]}


def test_the_base_install_has_what_it_needs_and_no_more(base: dict[str, Any]) -> None:
    assert {"numpy", "opencv-python-headless", "onnxruntime", "pillow", "typer"} <= names(base)
    assert {"torch", "fastapi", "ray", "pytest"}.isdisjoint(names(base))
    assert base["bomFormat"] == "CycloneDX"
    assert base["metadata"]["component"]["purl"] == f"pkg:pypi/mien@{mien.__version__}"
    numpy = next(c for c in base["components"] if c["name"] == "numpy")
    assert numpy["version"] == dependencies.closure("base")["numpy"].version


def test_every_component_has_a_licence_and_is_reached_from_mien(base: dict[str, Any]) -> None:
    assert all(component["licenses"] for component in base["components"])
    needs = {entry["ref"]: entry.get("dependsOn", []) for entry in base["dependencies"]}
    reached, todo = set(), ["mien"]
    while todo:
        reference = todo.pop()
        if reference not in reached:
            reached.add(reference)
            todo += needs.get(reference, [])
    assert {component["bom-ref"] for component in base["components"]} == reached - {"mien"}


def test_models_are_listed_with_their_hashes(base: dict[str, Any]) -> None:
    models = {c["name"]: c for c in base["components"] if c["type"] == "machine-learning-model"}
    assert {Path(name).name for name in models} == {
        "yunet.onnx",
        "mien.onnx",
        "mien.safetensors",
        "paper.onnx",
    }
    yunet = models["mien/assets/yunet.onnx"]["hashes"][0]["content"]
    content = (ROOT / "src" / "mien" / "assets" / "yunet.onnx").read_bytes()
    assert yunet == hashlib.sha256(content).hexdigest()
    assert yunet in (ROOT / "NOTICE").read_text()


def test_libraries_inside_wheels_are_listed_with_their_own_licence(base: dict[str, Any]) -> None:
    av = next(component for component in base["components"] if component["name"] == "av")
    if not dependencies.libraries_of("av"):
        assert "components" not in av  # built here, from libraries of the system
        return
    licences = {inner["name"]: inner["licenses"][0]["expression"] for inner in av["components"]}
    assert licences["libx264"] == "GPL-2.0-or-later"


def test_an_extra_brings_the_base_install_and_what_it_adds(everything: dict[str, Any]) -> None:
    web = json.loads(sbom.bill(everything, "web"))
    # uvloop and httptools come with uvicorn's own extra "standard".
    assert {"numpy", "fastapi", "uvicorn", "httptools", "starlette"} <= names(web)
    assert "torch" not in names(web)


def test_an_extra_that_takes_in_another_has_all_of_it() -> None:
    train, keras = dependencies.closure("train"), dependencies.closure("keras")
    assert set(train) < set(keras)
    assert "keras" in keras
    assert "mien" not in keras


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dependencies, "parts", lambda: {"base": ["no-such-package>=1"]})
    with pytest.raises(LookupError, match="no-such-package is not"):
        dependencies.closure("base")


def test_requirements_of_other_systems_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    never = "no-such-package; python_version < '3'"
    monkeypatch.setattr(dependencies, "parts", lambda: {"base": ["rich", never]})
    assert set(dependencies.closure("base")) == {"rich", "markdown-it-py", "mdurl", "pygments"}
