"""The page as a folder for any static host: it reads in the visitor's browser, by the npm package.

What the shipped model needs of that is part of this package, as `make page` built it.

The same page as that of `mien serve`, with another module in the place of `static/engine.js`. What
differs in its words and parts stands in index.html: `<!-- server -->` to `<!-- /server -->` is left
out here, and `<!-- browser: ... -->` is taken in.
"""

import hashlib
import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Final

from mien import __version__
from mien.errors import OptionError, OutputError
from mien.output.files import write_bytes
from mien.recognize.classifier import DEFAULT_MODEL, Classifier
from mien.recognize.yunet import YUNET_FILE
from mien.web.models import card_html, describe_models

_STATIC: Final = Path(__file__).parent / "static"
_BROWSER: Final = Path(__file__).parent / "browser"
SHIPPED: Final = _BROWSER / "package"
"""The code of the npm package that the shipped model needs."""

_CHECKOUT: Final = Path(__file__).parents[3] / "js"

_PACKAGE: Final = ("mien.js", "worker.js")
# What readers need that the package's own kernels do not run: all but the shipped one in 8 bits.
_RUNTIME: Final = ("runtime.js", "ort-wasm-simd-threaded.wasm")
_SERVER_ONLY: Final = {
    "api.js",
    "engine.js",
    "health.js",
    "index.html",
    "server_live.js",
    "timeline.js",
    "video.js",
}
_TITLE: Final = b"<title>mien</title>"  # by which a page of ours is known


def write_site(
    out: Path, *, model: str = DEFAULT_MODEL, package: Path | None = None
) -> dict[str, int]:
    """Write the folder; an earlier page in it is replaced, and other files stay.

    Args:
        out: the folder.
        model: a name among the shipped ones, or the path of an ONNX file.
        package: of npm, built: `node_modules/mien`, or what `npx mien-assets` has filled. By
            default what this package has of it; for other models than the shipped one, which
            need the runtime, `js/` of the checkout that this file lies in.
    Returns:
        The files, as names below `out`, and their sizes in bytes.
    Raises:
        MienError: the model cannot be opened or is an ensemble, there is no package, or it cannot
            be written, as where another page is.
    """
    index = out / "index.html"
    if index.is_file() and _TITLE not in index.read_bytes():
        raise OutputError(f"{index}: expected no page, or one by `mien page`; it is another")
    is_default = model == DEFAULT_MODEL
    needed = _PACKAGE if is_default else _PACKAGE + _RUNTIME
    place = package or (SHIPPED if is_default else _CHECKOUT)
    files = _page_files() | _package_files(place, needed) | _model_files(model)
    files["service-worker.js"] = _service_worker(files)
    for name, content in files.items():
        write_bytes(out / name, content)
    return {name: len(content) for name, content in files.items()}


def _page_files() -> dict[str, bytes]:
    shared = [path for path in sorted(_STATIC.iterdir()) if path.name not in _SERVER_ONLY]
    return {
        "index.html": _for_browser((_STATIC / "index.html").read_text("utf-8")).encode(),
        "manifest.webmanifest": (_BROWSER / "manifest.webmanifest").read_bytes(),
        "static/engine.js": (_BROWSER / "engine.js").read_bytes(),
        **{f"static/{path.name}": path.read_bytes() for path in shared},
    }


def _for_browser(html: str) -> str:
    html = re.sub(r"<!-- server -->.*?<!-- /server -->", "", html, flags=re.DOTALL)
    return re.sub(r"<!-- browser:\s*(.*?)\s*-->", r"\1", html, flags=re.DOTALL)


def _package_files(package: Path, names: tuple[str, ...]) -> dict[str, bytes]:
    """Code of the npm package, and of the package that it depends on."""
    places = [
        package,
        package / "dist",
        package / "node_modules" / "onnxruntime-web" / "dist",
        package.parent / "onnxruntime-web" / "dist",
    ]
    files = {}
    for name in names:
        found = next((place / name for place in places if (place / name).is_file()), None)
        if found is None:
            raise OptionError(
                f"expected the npm package mien, with {name}; {package} has none. "
                "In a checkout `make js/dist/mien.js` builds it; --package CHECKOUT/js names it",
                argument="package",
            )
        files[f"static/package/{name}"] = found.read_bytes()
    return files


def _model_files(model: str) -> dict[str, bytes]:
    classifier = Classifier(model)
    if len(classifier.paths) > 1:
        raise OptionError(
            f"expected one, as a browser reads with one; got {model}", argument="model"
        )
    about = [
        asdict(one) | {"card_html": card_html(one.name)}
        for one in describe_models(Path(model).name, classifier)
    ]
    said = {"version": __version__, "models": about}
    return {
        "static/models.json": json.dumps(said).encode(),
        "static/package/mien.onnx": classifier.path.read_bytes(),
        "static/package/yunet.onnx": YUNET_FILE.read_bytes(),
        "static/package/yunet.LICENSE": YUNET_FILE.with_suffix(".LICENSE").read_bytes(),
    }


def _service_worker(files: dict[str, bytes]) -> bytes:
    """That of these files: when one changes, browsers load all that has changed."""
    known = hashlib.sha256()
    for name, content in sorted(files.items()):
        known.update(f"{name} {len(content)} ".encode() + content)
    # Hosts may send index.html on to its folder, and the folder is what people open.
    names = ["./", *sorted(files.keys() - {"index.html"})]
    text = (_BROWSER / "service-worker.js").read_text("utf-8")
    text = text.replace("{version}", known.hexdigest()[:16])
    return text.replace('["{files}"]', json.dumps(names, indent=2)).encode()
