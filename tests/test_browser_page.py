"""What `mien page` writes; tests/browser/test_browser_page.py looks at it in a browser."""

import json
import re
from pathlib import Path

import pytest

from command_line import Mien
from mien import __version__
from mien.errors import ModelError, OptionError, OutputError
from mien.recognize.classifier import shipped_models
from mien.web import site
from mien.web.site import write_site

RUNTIME = "ort-wasm-simd-threaded.wasm"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """`node_modules/mien` as npm leaves it, with the package that it depends on beside it."""
    folder = tmp_path / "node_modules" / "mien"
    runtime = folder.parent / "onnxruntime-web" / "dist"
    for made in (folder / "dist", runtime):
        made.mkdir(parents=True)
    for name in ("mien.js", "worker.js", "runtime.js"):
        (folder / "dist" / name).write_text("export const Recognizer = {};")
    (runtime / RUNTIME).write_bytes(b"runtime")
    return folder


def test_all_that_is_named_is_there_and_nothing_of_the_server_or_of_elsewhere(
    tmp_path: Path, package: Path
) -> None:
    out = tmp_path / "site"
    sizes = write_site(out, package=package)

    written = {path.relative_to(out).as_posix(): path for path in out.rglob("*") if path.is_file()}
    assert {name: path.stat().st_size for name, path in written.items()} == sizes
    html = written["index.html"].read_text()
    named = {*re.findall(r'(?:src|href)="([^"#]+)"', html)}
    manifest = json.loads(written["manifest.webmanifest"].read_text())
    named |= {icon["src"] for icon in manifest["icons"]}
    for name, path in written.items():
        if re.fullmatch(r"static/\w+\.js", name):
            named |= {
                f"static/{other}" for other in re.findall(r'from "\./(.+?)"', path.read_text())
            }
    assert named - written.keys() == set()
    ids = {*re.findall(r'id="([\w-]+)"', html)}
    assert not any(name.startswith(("video", "token")) for name in ids)
    everything = "".join(path.read_text() for name, path in written.items() if name[-3:] == ".js")
    assert "/api/" not in html + everything
    assert "server -->" not in html
    assert "<!-- browser" not in html
    policy = re.search(r'"Content-Security-Policy" content="([^"]+)"', html)
    assert policy is not None
    sources = {word for part in policy[1].split(";") for word in part.split()[1:]}
    assert sources == {"'none'", "'self'", "'wasm-unsafe-eval'", "blob:", "data:"}


def test_the_service_worker_keeps_every_file_and_is_new_when_one_is(
    tmp_path: Path, package: Path
) -> None:
    out = tmp_path / "site"
    sizes = write_site(out, package=package)
    worker = (out / "service-worker.js").read_text()
    listed = re.search(r"const FILES = (\[.*?\]);", worker, re.DOTALL)
    assert listed is not None
    kept = {"./", *sizes} - {"index.html", "service-worker.js"}
    assert set(json.loads(listed[1])) == kept

    write_site(out, package=package)
    assert (out / "service-worker.js").read_text() == worker
    (package / "dist" / "mien.js").write_text("export const Recognizer = null;")
    write_site(out, package=package)
    assert (out / "service-worker.js").read_text() != worker


def test_another_model_is_described_with_its_card_and_has_the_runtime_that_it_needs(
    tmp_path: Path, package: Path
) -> None:
    runtime = {"static/package/runtime.js", f"static/package/{RUNTIME}"}
    assert not runtime & write_site(tmp_path / "mien", package=package).keys()
    out = tmp_path / "site"
    assert runtime <= write_site(out, model="paper", package=package).keys()
    said = json.loads((out / "static" / "models.json").read_text())

    assert said["version"] == __version__
    assert [(model["name"], model["in_use"]) for model in said["models"]] == [
        ("paper", True),
        ("mien", False),
    ]
    assert all("<table>" in model["card_html"] for model in said["models"])
    model = out / "static" / "package" / "mien.onnx"
    assert model.read_bytes() == shipped_models()["paper"].read_bytes()


def test_no_npm_package_is_needed_for_the_shipped_model(tmp_path: Path) -> None:
    out = tmp_path / "site"
    write_site(out)
    for name in ("mien.js", "worker.js"):
        shipped = Path(site.__file__).parent / "browser" / "package" / name
        assert (out / "static" / "package" / name).read_bytes() == shipped.read_bytes()
    assert sum(path.stat().st_size for path in out.rglob("*") if path.is_file()) < 4e6


def test_what_cannot_be_written_is_told_and_the_page_of_somebody_else_stays(
    tmp_path: Path, package: Path
) -> None:
    out = tmp_path / "site"
    with pytest.raises(OptionError, match=r"npm package mien, with mien\.js; .*nowhere") as raised:
        write_site(out, package=tmp_path / "nowhere")
    assert "has none. In a checkout `make js/dist/mien.js` builds it" in str(raised.value)
    assert "npm install mien" not in str(raised.value)  # the registry has another package so named
    with pytest.raises(OptionError, match=r"model: expected one, .*; got mien,paper"):
        write_site(out, model="mien,paper", package=package)
    with pytest.raises(ModelError):
        write_site(out, model=str(tmp_path / "none.onnx"), package=package)
    (package.parent / "onnxruntime-web" / "dist" / RUNTIME).unlink()
    with pytest.raises(OptionError, match=f"with {RUNTIME}"):
        write_site(out, model="paper", package=package)
    assert not out.exists()
    (tmp_path / "index.html").write_text("<title>Family</title>")
    with pytest.raises(OutputError, match="it is another"):
        write_site(tmp_path, package=package)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["index.html"]


def test_the_command_says_what_it_wrote(mien: Mien, tmp_path: Path, package: Path) -> None:
    out = tmp_path / "site"
    told = mien("page", "--out", str(out), "--package", str(package))
    assert told.stdout.startswith(f"{out / 'index.html'}: ")
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    assert told.stdout.endswith(f" files, {size / 1e6:.1f} MB\n")
