"""Bills of materials, as CycloneDX has them: of the base install and of each extra.

    python scripts/sbom.py --out build/sbom

writes `mien-VERSION-PART.cdx.json` for `base` and each extra, with the versions that are installed
in this environment, the dependencies between them, their licences, the libraries that their wheels
carry, and the assets in the package with their SHA-256. Each is checked against the schema of
CycloneDX 1.6 before it is written.
"""

import argparse
import hashlib
import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.utils import canonicalize_name

import dependencies
from dependencies import ROOT, Dependency
from licences import ASSETS, LIBRARIES, bundled
from mien import __version__

_ROOT_REFERENCE: Final = "mien"
_KINDS: Final = {".onnx": "machine-learning-model", ".safetensors": "machine-learning-model"}
_SPDX: Final = {"id", "expression"}  # how CycloneDX has licences that SPDX names


def environment() -> dict[str, Any]:
    """All that is installed here, as cyclonedx-py tells it: CycloneDX as JSON."""
    command = [
        *(sys.executable, "-m", "cyclonedx_py", "environment", sys.executable),
        *("--pyproject", str(ROOT / "pyproject.toml"), "--mc-type", "library"),
        *("--spec-version", "1.6", "--output-format", "JSON", "--output-reproducible"),
        "--no-validate",  # each bill is validated
    ]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def bill(everything: dict[str, Any], part: str) -> str:
    """The bill of materials of one part, as JSON.

    Args:
        everything: what `environment` gives; it is left as it is.
        part: "base" or an extra.
    Raises:
        LookupError: a package of that part is not installed.
        ValueError: the result does not keep to the schema.
    """
    packages = dependencies.closure(part)
    installed: dict[str, Any] = {canonicalize_name(c["name"]): c for c in everything["components"]}
    if missing := set(packages) - set(installed):
        raise LookupError(f"expected {', '.join(sorted(missing))} in the environment")
    carried = bundled(packages)
    components = [
        _component(installed[name], packages[name], carried.get(name, [])) for name in packages
    ]
    assets = _assets()
    references = {name: component["bom-ref"] for name, component in installed.items()}
    direct = [references[name] for name in dependencies.direct(part)]
    root = {
        **everything["metadata"]["component"],
        "bom-ref": _ROOT_REFERENCE,
        "version": __version__,
        "purl": f"pkg:pypi/mien@{__version__}",
    }
    document = {
        **everything,
        "metadata": {"component": root, "tools": {"components": [_tool()]}},
        "components": components + assets,
        "dependencies": [
            {
                "ref": _ROOT_REFERENCE,
                "dependsOn": direct + [asset["bom-ref"] for asset in assets],
            },
            *(
                {
                    "ref": references[name],
                    "dependsOn": [references[other] for other in package.needs],
                }
                for name, package in packages.items()
            ),
        ],
    }
    text = json.dumps(document, indent=2, ensure_ascii=False)
    if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise ValueError(f"{part}: expected a document of CycloneDX 1.6; {error}")
    return text


def _tool() -> dict[str, str]:
    version = importlib.metadata.version("cyclonedx-bom")
    return {"type": "application", "name": "cyclonedx-bom", "version": version}


def _component(found: dict[str, Any], package: Dependency, libraries: list[str]) -> dict[str, Any]:
    """A package as cyclonedx-py found it, with its licence by SPDX's names, and what it carries.

    Its addresses are left out: the package URL leads to them, and to check that each of them is one
    takes the validator a minute for each bill.
    """
    component = {key: value for key, value in found.items() if key != "externalReferences"}
    if libraries:
        component["components"] = [
            {
                "bom-ref": f"{component['bom-ref']}/{library}",
                "type": "library",
                "name": library,
                # One that is not known there fails `licences.py --check`.
                "licenses": [{"expression": LIBRARIES[library]}] if library in LIBRARIES else [],
            }
            for library in libraries
        ]
    said = [entry.get("license", entry) for entry in component.get("licenses", [])]
    if any(_SPDX & set(entry) for entry in said):
        return component
    concluded = {"expression": package.licence, "acknowledgement": "concluded"}
    return {**component, "licenses": [concluded]}


def _assets() -> list[dict[str, Any]]:
    """The files of the package that are no code, each with its hash."""
    source = ROOT / "src"
    return [
        {
            "bom-ref": path.relative_to(source).as_posix(),
            "name": path.relative_to(source).as_posix(),
            "type": _KINDS.get(path.suffix, "file"),
            "licenses": [{"license": {_licence_key(asset.licence): asset.licence}}],
            "hashes": [
                {"alg": "SHA-256", "content": hashlib.sha256(path.read_bytes()).hexdigest()}
            ],
        }
        for asset in ASSETS
        for path in sorted(ROOT.glob(asset.pattern))
        if path.is_file() and path.is_relative_to(source)
    ]


def _licence_key(licence: str) -> str:
    """How CycloneDX has it: of SPDX, or in words, as the public domain, which is no licence."""
    return "name" if " " in licence else "id"


def write_bills(folder: Path) -> list[Path]:
    """Write one file for each part into a folder, which is made; returns them."""
    everything = environment()
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for part in dependencies.parts():
        path = folder / f"mien-{__version__}-{part}.cdx.json"
        partial = path.with_name(f"{path.name}.part")
        partial.write_text(bill(everything, part) + "\n", encoding="utf-8")
        partial.replace(path)
        paths.append(path)
    return paths


def main(arguments: list[str] | None = None) -> int:
    """Write them all and say how many components each has; returns the exit status."""
    parser = argparse.ArgumentParser(description="Write bills of materials (CycloneDX).")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "sbom", help="The folder.")
    options = parser.parse_args(arguments)
    try:
        paths = write_bills(options.out)
    except LookupError as error:
        print(error, file=sys.stderr)
        return 1
    for path in paths:
        count = len(json.loads(path.read_text(encoding="utf-8"))["components"])
        print(f"{path}: {count} components")
    return 0


if __name__ == "__main__":
    sys.exit(main())
