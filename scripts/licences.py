"""docs/licences.md: the licence of every dependency and asset, and whether each may be.

    python scripts/licences.py            # writes docs/licences.md
    python scripts/licences.py --check    # exit status 1 where a licence is unknown or forbidden

Versions stand in the bills of materials (`make sbom`), not here, so that the page changes when a
package or a licence does, and not with every release of a package.
"""

import argparse
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Final

import license_expression  # type: ignore[import-untyped]

import dependencies
from dependencies import BASE, ROOT, Dependency

PAGE: Final = ROOT / "docs" / "licences.md"

ALLOWED: Final = frozenset(
    {
        "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause",
        "BSD-3-Clause-Clear", "BSL-1.0", "CC0-1.0", "FTL", "HPND", "IJG", "ISC",
        "LGPL-2.0-or-later", "LGPL-2.1-or-later", "LGPL-3.0-or-later", "MIT", "MIT-0", "MIT-CMU",
        "MIT-Modern-Variant", "MIT-open-group", "MPL-2.0", "OpenSSL", "PSF-2.0",
        "Python-2.0", "Unlicense", "X11", "Zlib", "libpng-2.0", "libtiff",
        "GPL-3.0-or-later WITH GCC-exception-3.1",  # of compiled code that may be under any licence
    }
)  # fmt: skip
"""Licences, in SPDX's names, under which a program of any licence may use a library."""

LIBRARIES_ALLOWED: Final = {
    "libx264": "GPL-2.0-or-later",
    "libx265": "GPL-2.0-or-later",
}
"""Libraries inside wheels that may be there in spite of their licence; the page says why."""


@dataclass(frozen=True)
class Asset:
    """Files in the package, or beside it, that are no Python code of ours.

    Attributes:
        pattern: of their paths from the repository's root, as `PurePath.match` takes it.
        what: one line for people.
        licence: an SPDX expression, or "public domain".
        origin: who made it, where it is from.
    """

    pattern: str
    what: str
    licence: str
    origin: str


ASSETS: Final = (
    Asset(
        "src/mien/assets/yunet.onnx",
        "YuNet, which finds the faces",
        "MIT",
        "OpenCV Zoo (Wu, Peng and Yu 2023); its text is `yunet.LICENSE`",
    ),
    Asset("src/mien/assets/yunet.LICENSE", "the licence of YuNet", "MIT", "OpenCV Zoo"),
    Asset(
        "src/mien/assets/models/*.onnx",
        "the networks that read the emotions",
        "MIT",
        "trained by this project on FER2013 with the votes of FER+; they hold no image of it",
    ),
    Asset(
        "src/mien/assets/models/*.safetensors",
        "the weights of the default one, which training can begin with",
        "MIT",
        "as above",
    ),
    Asset("src/mien/assets/models/*.md", "the cards of the models", "MIT", "this project"),
    Asset("src/mien/web/static/*", "the web page", "MIT", "this project"),
    Asset("src/mien/output/templates/*", "templates of pages and cards", "MIT", "this project"),
    Asset("src/mien/py.typed", "says that the package has types", "MIT", "this project"),
    Asset(
        "src/mien/assets/astronaut.jpg",
        "NASA's portrait of Eileen Collins",
        "public domain",
        "NASA, by way of scikit-image",
    ),
    Asset("examples/astronaut.jpg", "the same portrait", "public domain", "as above"),
)
"""Every file of the package that is not Python code, and the example."""

LIBRARIES: Final = {
    "libSvtAv1Enc": "BSD-3-Clause-Clear",
    "libXau": "MIT-open-group",
    "libaec": "BSD-2-Clause",
    "libaom": "BSD-2-Clause",
    "libasound": "LGPL-2.1-or-later",
    "libavcodec": "LGPL-3.0-or-later",
    "libavdevice": "LGPL-3.0-or-later",
    "libavfilter": "LGPL-3.0-or-later",
    "libavformat": "LGPL-3.0-or-later",
    "libavif": "BSD-2-Clause",
    "libavutil": "LGPL-3.0-or-later",
    "libbrotlicommon": "MIT",
    "libbrotlidec": "MIT",
    "libcrypto": "OpenSSL",
    "libdav1d": "BSD-2-Clause",
    "libde265": "LGPL-3.0-or-later",
    "libdrm": "MIT",
    "libfreetype": "FTL OR GPL-2.0-or-later",
    "libgfortran": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "libgmp": "LGPL-3.0-or-later OR GPL-2.0-or-later",
    "libgnutls": "LGPL-2.1-or-later",
    "libgomp": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "libharfbuzz": "MIT-Modern-Variant",
    "libheif": "LGPL-3.0-or-later",
    "libhdf5": "BSD-3-Clause",
    "libhdf5_hl": "BSD-3-Clause",
    "libhogweed": "LGPL-3.0-or-later OR GPL-2.0-or-later",
    "libjpeg": "IJG AND BSD-3-Clause AND Zlib",
    "liblcms2": "MIT",
    "liblzma": "0BSD",
    "libmp3lame": "LGPL-2.0-or-later",
    "libnettle": "LGPL-3.0-or-later OR GPL-2.0-or-later",
    "libopenblas": "BSD-3-Clause",
    "libopencore-amrnb": "Apache-2.0",
    "libopencore-amrwb": "Apache-2.0",
    "libopenjp2": "BSD-2-Clause",
    "libopus": "BSD-3-Clause",
    "libpng16": "libpng-2.0",
    "libquadmath": "LGPL-2.1-or-later",
    "libscipy_openblas": "BSD-3-Clause",
    "libscipy_openblas64_": "BSD-3-Clause",
    "libsharpyuv": "BSD-3-Clause",
    "libsodium": "ISC",
    "libssl": "OpenSSL",
    "libswresample": "LGPL-3.0-or-later",
    "libswscale": "LGPL-3.0-or-later",
    "libsz": "BSD-2-Clause",
    "libtiff": "libtiff",
    "libunistring": "LGPL-3.0-or-later OR GPL-2.0-or-later",
    "libvpl": "MIT",
    "libvpx": "BSD-3-Clause",
    "libwebp": "BSD-3-Clause",
    "libwebpdemux": "BSD-3-Clause",
    "libwebpmux": "BSD-3-Clause",
    "libx264": "GPL-2.0-or-later",
    "libx265": "GPL-2.0-or-later",
    "libxcb": "X11",
    "libxcb-shape": "X11",
    "libxcb-shm": "X11",
    "libxcb-xfixes": "X11",
    "libzmq": "MPL-2.0",
    "libzstd": "BSD-3-Clause OR GPL-2.0-only",
}
"""Libraries that wheels for Linux carry in a folder of their own -> what their authors say."""


def findings(parts: dict[str, dict[str, Dependency]]) -> list[str]:
    """What speaks against the licences of packages, libraries and assets; empty if nothing does."""
    found = []
    for dependency in _all(parts).values():
        if not dependency.licence:
            found.append(f"{dependency.name}: expected a licence in its metadata, found none")
        elif not is_allowed(dependency.licence):
            found.append(f"{dependency.name}: {dependency.licence} is not among those allowed")
    for package, libraries in bundled(_all(parts)).items():
        for library in libraries:
            licence = LIBRARIES.get(library, "")
            if not licence:
                found.append(f"{package}: its wheel carries {library}, whose licence is unknown")
            elif not is_allowed(licence) and LIBRARIES_ALLOWED.get(library) != licence:
                found.append(f"{package}: its wheel carries {library}, which is {licence}")
    return found + [f"{path}: expected its licence among ASSETS" for path in unknown_assets()]


def is_allowed(expression: str) -> bool:
    """Whether an SPDX expression grants what mien needs: of an OR one side, of an AND both.

    Raises:
        ValueError: it is no SPDX expression.
    """
    try:
        parsed = _spdx().parse(expression, validate=True)
    except license_expression.ExpressionError as error:
        raise ValueError(f"expected an SPDX expression; got {expression!r}: {error}") from error
    return _allowed(parsed)


@cache
def _spdx() -> license_expression.Licensing:
    return license_expression.get_spdx_licensing()


def _allowed(parsed: object) -> bool:
    if isinstance(parsed, license_expression.LicenseWithExceptionSymbol):
        return str(parsed) in ALLOWED
    if isinstance(parsed, license_expression.LicenseSymbol):
        return parsed.key in ALLOWED
    sides = [_allowed(side) for side in getattr(parsed, "args", ())]
    return all(sides) if getattr(parsed, "operator", "").strip() == "AND" else any(sides)


def bundled(packages: dict[str, Dependency]) -> dict[str, list[str]]:
    """Package -> the libraries that its wheel carries in a folder `NAME.libs`, by name."""
    found = {name: dependencies.libraries_of(name) for name in packages}
    return {name: libraries for name, libraries in found.items() if libraries}


def unknown_assets(root: Path = ROOT) -> list[str]:
    """Files of the package that are neither Python code nor among `ASSETS`, from the root."""
    files = [path for folder in ("src", "examples") for path in (root / folder).rglob("*")]
    files = [path for path in files if path.is_file() and "__pycache__" not in path.parts]
    names = (path.relative_to(root).as_posix() for path in files)
    return sorted(
        name
        for name in names
        if not name.endswith(".py")
        and not any(PurePosixPath(name).match(asset.pattern) for asset in ASSETS)
    )


def page(parts: dict[str, dict[str, Dependency]]) -> str:
    """The whole page, as Markdown."""
    carried = bundled(_all(parts))
    return "\n".join(
        [
            _HEAD,
            _table(
                ("file", "what it is", "licence", "from"),
                ((f"`{a.pattern}`", a.what, a.licence, a.origin) for a in ASSETS),
            ),
            _DATA,
            "## Packages of the base install\n",
            _table(("package", "licence"), _package_rows(parts[BASE].values())),
            "## Packages that extras add\n",
            "Each also brings the base install. `dev` and `docs` are for those who work on mien.\n",
            _table(("package", "licence", "for"), _extra_rows(parts)),
            _LIBRARIES_HEAD,
            _table(
                ("library", "licence", "inside"),
                _library_rows(carried),
            ),
            _COPYLEFT,
        ]
    )


def _all(parts: dict[str, dict[str, Dependency]]) -> dict[str, Dependency]:
    return {name: found for part in parts.values() for name, found in part.items()}


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = list(header)
    lines = [names, ["---"] * len(names), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _linked(dependency: Dependency) -> str:
    if dependency.homepage.startswith("http"):
        return f"[{dependency.name}]({dependency.homepage})"
    return dependency.name


def _package_rows(packages: Iterable[Dependency]) -> list[tuple[str, str]]:
    ordered = sorted(packages, key=lambda package: package.name.casefold())
    return [(_linked(package), package.licence) for package in ordered]


def _extra_rows(parts: dict[str, dict[str, Dependency]]) -> list[tuple[str, str, str]]:
    extras = {name: found for name, found in parts.items() if name != BASE}
    rows = []
    for name, package in sorted(_all(extras).items()):
        if name not in parts[BASE]:
            wanted = ", ".join(extra for extra, packages in extras.items() if name in packages)
            rows.append((_linked(package), package.licence, wanted))
    return rows


def _library_rows(carried: dict[str, list[str]]) -> list[tuple[str, str, str]]:
    names = sorted({name for names in carried.values() for name in names}, key=str.casefold)
    return [
        (
            f"`{name}`",
            LIBRARIES[name],
            ", ".join(p for p, names in carried.items() if name in names),
        )
        for name in names
    ]


_HEAD: Final = """\
<!-- Written by scripts/licences.py from what is installed; `make licences` writes it anew. -->

# Licences

mien is under the MIT License, and so are the networks in it. This page lists what comes with it or
is installed beside it, by SPDX's names of licences (https://spdx.org/licenses), as the packages'
own metadata have them; a "BSD License" without a number is taken for the one with three clauses.
CI fails on a licence that is unknown or not among those that let a program of any licence use a
library. It is a list for your own review, no legal advice. Versions, and the same for one extra
alone, are in the bills of materials (CycloneDX) that `make sbom` writes.

## In the package
"""

_DATA: Final = """\
The Haar cascade that `--detector haar` uses is not part of mien: it comes with
opencv-python-headless, under the Intel License Agreement For Open Source Computer Vision Library,
which is a licence of the BSD kind. The letters in annotated pictures are drawn with the font that
comes with Pillow (Aileron, CC0-1.0). mien carries no data set. FER2013 is for research; whoever
trains on another one is bound by that one's terms: [data sets](datasets.md).
"""

_LIBRARIES_HEAD: Final = """\
## Libraries inside packages

The wheels of some packages carry compiled libraries of others, which their own licence does not
cover. These are the ones in the wheels for Linux on x86-64, as their authors license them:
"""

_COPYLEFT: Final = """\
Two of them are under the GPL: the encoders x264 and x265, which PyAV's wheel carries beside FFmpeg.
They are shared libraries, which FFmpeg calls when a film is written as H.264 or H.265; mien neither
contains nor links them, and `pip install` fetches them from PyAV's authors. Whoever passes them on,
for instance in a container image made from the Dockerfile, must do so under the GPL's terms, that
is with their source or an offer of it; or put in their place a PyAV that was built without them,
with which mien reads all films and writes `.mp4` as MPEG-4 Part 2. FFmpeg itself is under the LGPL:
version 3 in PyAV's wheel, 2.1 in OpenCV's.

pillow-heif's wheel carries x265, too, beside libheif and libde265, which read HEIC photos and are
under the LGPL. mien only reads HEIC, for which x265 is never called; a pillow-heif that was built
without it does as well.

The list is of torch's build for processors alone. Its wheels for NVIDIA's GPUs, which a plain
`pip install torch` takes on Linux, also bring NVIDIA's CUDA libraries, under NVIDIA's terms.
"""


def main(arguments: list[str] | None = None) -> int:
    """Write the page, or say what speaks against a licence; returns the exit status."""
    parser = argparse.ArgumentParser(description="List the licences of all that mien uses.")
    parser.add_argument("--check", action="store_true", help="Write nothing; 1 if one may not be.")
    parser.add_argument("--page", type=Path, default=PAGE, help="The page, docs/licences.md.")
    options = parser.parse_args(arguments)
    try:
        parts = {part: dependencies.closure(part) for part in dependencies.parts()}
    except LookupError as error:
        print(error, file=sys.stderr)
        return 1
    against = findings(parts)
    for line in against:
        print(line, file=sys.stderr)
    if against:
        return 1
    if options.check:
        print(f"{len(_all(parts))} packages, all of them under licences that are allowed")
    else:
        options.page.write_text(page(parts), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
