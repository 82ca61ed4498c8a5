"""`mien page`."""

from pathlib import Path
from typing import Annotated

from mien.errors import needs_extra
from mien.recognize.classifier import DEFAULT_MODEL


def page(
    *,
    out: Annotated[Path, "Folder to write; an earlier page in it is replaced."],
    model: Annotated[str, "A model in the package, or the path of an ONNX file."] = DEFAULT_MODEL,
    package: Annotated[
        Path | None,
        "Another build of the npm package: node_modules/mien, or a folder that `npx mien-assets` "
        "filled. Other models than the default one need it.",
    ] = None,
) -> None:
    """Write a page for any static host that reads photos and the webcam in the visitor's browser.

    Example: mien page --out site

    Example: mien page --out site --model run/mine.onnx --package node_modules/mien

    No server reads anything, nothing leaves the visitor's machine, and after the first visit the
    page works without a network. Browsers give the camera to pages over https, and to those of
    localhost: python -m http.server --directory site --bind 127.0.0.1
    """
    with needs_extra("web", "the page"):
        from mien.web.site import write_site

    sizes = write_site(out, model=model, package=package)
    print(f"{out / 'index.html'}: {len(sizes)} files, {sum(sizes.values()) / 1e6:.1f} MB")
