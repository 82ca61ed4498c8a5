"""Which packages each part of mien brings with it, as installed here, and their licences."""

import importlib.metadata
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT: Final = Path(__file__).resolve().parent.parent

BASE: Final = "base"
"""The part that every installation has; the others are extras."""

REVIEWED: Final = {
    # Neither field nor classifier says it; read in the licence file of the package.
    "atheris": "Apache-2.0",
    "namex": "Apache-2.0",
    "cleanlab": "Apache-2.0",
    # Both are named, and the package says that either may be chosen.
    "uvloop": "MIT OR Apache-2.0",
}
"""Package -> licence, where its metadata do not say it in a form that a program can read."""

_CLASSIFIERS: Final = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
}

_FIELDS: Final = {
    "3-clause bsd license": "BSD-3-Clause",
    "apache": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache-2.0": "Apache-2.0",
    "bsd": "BSD-3-Clause",
    "bsd-2-clause": "BSD-2-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "mit": "MIT",
    "mit license": "MIT",
    "mpl-2.0 and mit": "MPL-2.0 AND MIT",
    "psf-2.0": "PSF-2.0",
}

_LIBRARY: Final = re.compile(r"^(lib.+?)(?:-[0-9a-f]{8}.*|-[0-9].*|\.so.*|p-r0-.*)$")


@dataclass(frozen=True)
class Dependency:
    """One installed package.

    Attributes:
        name: as its metadata have it.
        version: that is installed.
        licence: an SPDX expression; empty if it could not be told.
        homepage: empty if it names none.
        needs: canonical names of the packages that it requires itself.
    """

    name: str
    version: str
    licence: str
    homepage: str
    needs: tuple[str, ...]


def parts() -> dict[str, list[str]]:
    """Part -> its requirements: the base install, then each extra, as pyproject.toml has them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {BASE: project["dependencies"], **project["optional-dependencies"]}


def closure(part: str) -> dict[str, Dependency]:
    """Everything that a part needs, whatever needs it, by canonical name; without mien itself.

    An extra's closure holds the base install's, as an installation does.

    Raises:
        LookupError: something of it is not installed; the message says what.
    """
    needs = _needs(part)
    return {name: _installed(name, needs[name]) for name in sorted(needs)}


def direct(part: str) -> list[str]:
    """What a part itself requires here, and the extras that it takes in: canonical names."""
    return sorted({canonicalize_name(requirement.name) for requirement in _required(part)})


def _required(part: str) -> list[Requirement]:
    """The requirements of a part that hold here; for an extra of mien in them, those of it."""
    requirements = parts()
    found = []
    for text in requirements[BASE] + (requirements[part] if part != BASE else []):
        requirement = Requirement(text)
        if canonicalize_name(requirement.name) == "mien":
            found += [inner for extra in requirement.extras for inner in _required(extra)]
        elif not requirement.marker or requirement.marker.evaluate():
            found.append(requirement)
    return found


def _needs(part: str) -> dict[str, tuple[str, ...]]:
    """Package -> what it needs itself, of all that a part leads to; canonical names."""
    needs: dict[str, set[str]] = {}
    seen: set[tuple[str, str]] = set()  # package and extra of it; "" is the package itself
    todo = _with_extras(_required(part))
    while todo:
        name, extra = todo.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        further = _with_extras(
            requirement
            for requirement in map(Requirement, _distribution(name).requires or [])
            if not requirement.marker or requirement.marker.evaluate({"extra": extra})
        )
        needs.setdefault(name, set()).update(other for other, _ in further)
        todo += further
    return {name: tuple(sorted(others - {name})) for name, others in needs.items()}


def _with_extras(requirements: Iterable[Requirement]) -> list[tuple[str, str]]:
    """Each package, and each extra of it that is asked for, as (canonical name, extra)."""
    return [
        (canonicalize_name(requirement.name), extra)
        for requirement in requirements
        for extra in ("", *requirement.extras)
    ]


@cache
def _distribution(name: str) -> importlib.metadata.Distribution:
    try:
        return importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError as error:
        raise LookupError(
            f"expected every extra to be installed; {name} is not (`make test` installs all)"
        ) from error


@cache
def _installed(name: str, needs: tuple[str, ...]) -> Dependency:
    distribution = _distribution(name)
    metadata = distribution.metadata
    return Dependency(
        name=metadata["Name"],
        version=distribution.version,
        licence=licence_of(distribution),
        homepage=_homepage(metadata),
        needs=needs,
    )


def licence_of(distribution: importlib.metadata.Distribution) -> str:
    """What a package says of its licence, as an SPDX expression; empty if it does not say it.

    PEP 639's expression comes first, then what was `REVIEWED`, the classifiers (PEP 301), and the
    free text of the field License if it is a name and not a whole licence.
    """
    metadata = distribution.metadata
    if expression := _field(metadata, "License-Expression"):
        return expression
    if reviewed := REVIEWED.get(canonicalize_name(metadata["Name"])):
        return reviewed
    field = " ".join(_field(metadata, "License").split()).casefold()
    if field in _FIELDS and field != "bsd":  # more exact than the classifier
        return _FIELDS[field]
    classifiers = [
        classifier.rpartition(" :: ")[2]
        for classifier in metadata.get_all("Classifier") or []
        if classifier.startswith("License ::")
    ]
    if classifiers and all(classifier in _CLASSIFIERS for classifier in classifiers):
        return " AND ".join(_CLASSIFIERS[classifier] for classifier in classifiers)
    return _FIELDS.get(field, "")


def _field(metadata: importlib.metadata.PackageMetadata, name: str) -> str:
    return str(metadata[name]) if name in metadata else ""


def _homepage(metadata: importlib.metadata.PackageMetadata) -> str:
    urls = dict(
        re.split(r",\s*", text, maxsplit=1) for text in metadata.get_all("Project-URL") or []
    )
    by_word = {label.casefold(): url for label, url in urls.items()}
    for word in ("homepage", "home", "repository", "source", "source code", "documentation"):
        if word in by_word:
            return str(by_word[word])
    return _field(metadata, "Home-page").replace("UNKNOWN", "")


def libraries_of(name: str) -> list[str]:
    """The libraries that the wheel of an installed package carries in a folder `NAME.libs`.

    By the name that their authors give them, without version and the hash that packing adds.
    """
    libraries = {
        match[1]
        for file in files_of(name)
        if file.parts[0].endswith(".libs") and (match := _LIBRARY.match(file.name))
    }
    return sorted(libraries, key=str.casefold)


def files_of(name: str) -> list[importlib.metadata.PackagePath]:
    """The files of an installed package, from the folder of all packages."""
    return _distribution(name).files or []
