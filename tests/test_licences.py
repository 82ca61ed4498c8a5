import importlib.metadata
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

import dependencies  # noqa: E402
import licences  # noqa: E402
from dependencies import Dependency  # noqa: E402


def package(name: str, licence: str) -> Dependency:
    return Dependency(name, "1.0", licence, "", ())


def test_all_that_is_installed_and_shipped_may_be() -> None:
    parts = {part: dependencies.closure(part) for part in dependencies.parts()}
    assert licences.findings(parts) == []
    text = licences.page(parts)
    for name in ("numpy", "torch", "fastapi", "ray", "`libx264`", "src/mien/assets/yunet.onnx"):
        assert name in text


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("MIT AND Apache-2.0", True),
        ("GPL-3.0-only OR MIT", True),
        ("GPL-3.0-only", False),
        ("AGPL-3.0-or-later", False),
        ("MIT AND GPL-2.0-or-later", False),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("GPL-3.0-or-later WITH GCC-exception-3.1", True),
        ("GPL-3.0-or-later WITH Classpath-exception-2.0", False),
        ("(MIT OR GPL-2.0-only) AND (AGPL-3.0-only OR ISC)", True),
    ],
)
def test_of_an_or_one_side_must_be_allowed_of_an_and_both(expression: str, allowed: bool) -> None:
    assert licences.is_allowed(expression) is allowed


def test_what_is_no_expression_is_an_error() -> None:
    with pytest.raises(ValueError, match="expected an SPDX expression"):
        licences.is_allowed("Free for all")


@pytest.mark.parametrize(
    ("licence", "complaint"),
    [("", "found none"), ("GPL-3.0-only", "is not among those allowed")],
)
def test_a_package_with_an_unknown_or_forbidden_licence_is_found(
    monkeypatch: pytest.MonkeyPatch, licence: str, complaint: str
) -> None:
    monkeypatch.setattr(dependencies, "files_of", lambda name: [])
    (found,) = licences.findings({"base": {"odd": package("odd", licence)}})
    assert found.startswith("odd: ")
    assert complaint in found


@pytest.mark.parametrize(
    ("library", "complaint"),
    [
        ("libstrange-1a2b3c4d.so.7", "carries libstrange, whose licence is unknown"),
        ("libx264-d6533a8d.so.165", ""),
        ("libpng16-1d1ba958.so.16.58.0", ""),
    ],
)
def test_a_library_inside_a_wheel_is_looked_at_too(
    monkeypatch: pytest.MonkeyPatch, library: str, complaint: str
) -> None:
    file = importlib.metadata.PackagePath("odd.libs", library)
    monkeypatch.setattr(dependencies, "files_of", lambda name: [file])
    found = licences.findings({"base": {"odd": package("odd", "MIT")}})
    assert [complaint in line for line in found] == [True] * bool(complaint)


def test_a_file_in_the_package_needs_a_licence(tmp_path: Path) -> None:
    (tmp_path / "src" / "mien" / "assets").mkdir(parents=True)
    (tmp_path / "src" / "mien" / "assets" / "yunet.onnx").touch()
    (tmp_path / "src" / "mien" / "faces.py").touch()
    (tmp_path / "src" / "mien" / "assets" / "letters.ttf").touch()
    assert licences.unknown_assets(tmp_path) == ["src/mien/assets/letters.ttf"]


class Metadata(dict[str, str]):
    """Of a made-up package: one value for each field, several classifiers with line ends."""

    def get_all(self, name: str) -> list[str]:
        return self[name].split("\n") if name in self else []


class Distribution(importlib.metadata.Distribution):
    def __init__(self, **fields: str) -> None:
        named = {name.replace("_", "-"): value for name, value in fields.items()}
        self._metadata = Metadata({"Name": "odd", **named})

    @property
    def metadata(self) -> Metadata:  # type: ignore[override]
        return self._metadata

    def read_text(self, filename: str) -> None:
        return None

    def locate_file(self, path: object) -> Path:
        raise NotImplementedError


APACHE = "License :: OSI Approved :: Apache Software License"
BSD = "License :: OSI Approved :: BSD License"


@pytest.mark.parametrize(
    ("fields", "licence"),
    [
        ({"License_Expression": "MIT OR ISC", "License": "GPL"}, "MIT OR ISC"),
        ({"Classifier": APACHE}, "Apache-2.0"),
        ({"Classifier": f"Topic :: Games\n{APACHE}\n{BSD}"}, "Apache-2.0 AND BSD-3-Clause"),
        ({"License": "BSD-2-Clause", "Classifier": BSD}, "BSD-2-Clause"),
        ({"License": "BSD", "Classifier": BSD}, "BSD-3-Clause"),
        (
            {"License": "Copyright 2024, all of you. Permission is ...", "Classifier": BSD},
            "BSD-3-Clause",
        ),
        ({"License": "Copyright 2024, all of you. Permission is ..."}, ""),
        ({"Classifier": "License :: Other/Proprietary License"}, ""),
        ({}, ""),
    ],
)
def test_a_licence_is_read_from_what_a_package_says(fields: dict[str, str], licence: str) -> None:
    assert dependencies.licence_of(Distribution(**fields)) == licence


def test_the_page_is_not_written_where_something_speaks_against(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dependencies, "parts", lambda: {"base": []})
    monkeypatch.setattr(dependencies, "closure", lambda part: {"odd": package("odd", "")})
    monkeypatch.setattr(dependencies, "files_of", lambda name: [])
    assert licences.main(["--page", str(tmp_path / "licences.md")]) == 1
    assert "odd: expected a licence" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_installed_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dependencies, "parts", lambda: {"base": ["no-such-package"]})
    assert licences.main(["--check"]) == 1
    assert capsys.readouterr().err == (
        "expected every extra to be installed; no-such-package is not (`make test` installs all)\n"
    )
