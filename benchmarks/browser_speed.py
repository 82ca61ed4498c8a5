"""The npm package beside @vladmandic/human and face-api: speed in one Chromium, and what is loaded.

    python benchmarks/browser_speed.py [--rounds 60] [--work FOLDER]

All read frames of 640 x 480 in one page of headless Chromium, on the processor, on one thread of
WebAssembly, one frame each in turn, so that what disturbs the machine disturbs all of them: from
ImageData to readings, every frame read anew, detector and emotion alone. `mien` is
`recognizer.read`, `mien, stream` what a camera's frames take.

Printed for one face and for four: how many faces are found, median and lower quartile in
milliseconds, and the lower quartile as a share of human's; then the bytes that a first visit loads
until the first reading, raw and as brotli 11 packs them, and the seconds that takes from a server
on this machine. The peers come from npm, into `--work`; `make js/dist/mien.js` builds ours.
"""

import functools
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, Page, Response, sync_playwright

from program import options_of, print_head, print_row, processor

ROOT: Final = Path(__file__).resolve().parent.parent
PEERS: Final = (
    "@vladmandic/human@3.3.6",
    "@vladmandic/face-api@1.7.15",
    "@tensorflow/tfjs-backend-wasm@4.22.0",
)
FACES: Final = (1, 4)
WARM_UP: Final = 8  # frames of each reader before the clock counts
PAGE: Final = """<!doctype html><title>browser</title><link rel="icon" href="data:,">
<script type="module" src="/speed.js"></script>"""
BROTLI: Final = """const {brotliCompressSync} = require("zlib"), fs = require("fs");
console.log(JSON.stringify(process.argv.slice(1).map(
  (file) => brotliCompressSync(fs.readFileSync(file)).length)));"""


def main() -> None:
    """Run the benchmark and print its tables."""
    parser = options_of(__doc__, data=False)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "mien-browser")
    options = parser.parse_args()
    prepare(options.work)
    with served(options.work) as address, chromium() as browser:
        version = browser.version
        with visited(browser, address) as page:
            readers: list[str] = page.evaluate("bench.names")
        loads = {name: first_visit(browser, address, options.work, name) for name in readers}
        speeds = {faces: speed(browser, address, faces, options.rounds) for faces in FACES}
    print(f"Chromium {version}, {processor()}, {os.cpu_count()} cores, {options.rounds} rounds\n")
    print_speeds(speeds)
    print_loads(loads)


def prepare(work: Path) -> None:
    """A folder with the page, our package and the peers."""
    site = work / "site"
    site.mkdir(parents=True, exist_ok=True)
    if not (work / "node_modules" / "@vladmandic").is_dir():
        (work / "package.json").write_text("{}")
        install = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", *PEERS]
        subprocess.run(install, cwd=work, check=True, stdout=subprocess.DEVNULL)
    peers = site / "peers"
    if not peers.exists():
        peers.symlink_to(work / "node_modules")
    ours = ["node", str(ROOT / "js" / "scripts" / "assets.mjs"), str(site / "mien")]
    subprocess.run(ours, check=True, stdout=subprocess.DEVNULL)
    shutil.copy(ROOT / "examples" / "astronaut.jpg", site)
    shutil.copy(ROOT / "benchmarks" / "browser_speed.js", site / "speed.js")
    (site / "index.html").write_text(PAGE)


class Quiet(SimpleHTTPRequestHandler):
    """Serves files, and says nothing."""

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def served(work: Path) -> Iterator[str]:
    """The address of a server of the folder."""
    serve = functools.partial(Quiet, directory=str(work / "site"))
    with ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Headless Chromium, Debian's or that of `MIEN_CHROMIUM`."""
    path = os.environ.get("MIEN_CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def visited(browser: Browser, address: str) -> Iterator[Page]:
    """The page, in a browser that was never here."""
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.goto(address)
    page.wait_for_function("globalThis.bench !== undefined")
    yield page
    context.close()


def first_visit(browser: Browser, address: str, work: Path, name: str) -> dict[str, float]:
    """Bytes and seconds until the first reading."""
    files: list[Path] = []

    def came(response: Response) -> None:
        path = response.url.removeprefix(address).partition("?")[0]
        if path not in ("/", "/speed.js", "/astronaut.jpg") and response.ok:
            files.append(work / "site" / path.lstrip("/"))

    with visited(browser, address) as page:
        page.context.on("response", came)
        begun = time.monotonic()
        page.evaluate("(name) => bench.first(name, 1)", name)
        seconds = time.monotonic() - begun
    unique = sorted(set(files))
    packed = subprocess.run(
        ["node", "-e", BROTLI, *map(str, unique)], check=True, capture_output=True, text=True
    )
    raw = sum(file.stat().st_size for file in unique)
    return {"bytes": raw, "brotli": sum(json.loads(packed.stdout)), "first_s": seconds}


def speed(browser: Browser, address: str, faces: int, rounds: int) -> dict[str, dict[str, float]]:
    """Of each reader, in turn: faces found, median and lower quartile in milliseconds."""
    times: dict[str, list[float]] = {}
    counts: dict[str, list[int]] = {}
    with visited(browser, address) as page:
        readers: list[str] = page.evaluate("bench.names")
        for name in readers:
            page.evaluate("([name, faces]) => bench.first(name, faces)", [name, faces])
        for number in range(-WARM_UP, rounds):
            for name in readers:
                asked = [name, faces, number + WARM_UP]
                found: dict[str, Any] = page.evaluate("(asked) => bench.once(...asked)", asked)
                if number >= 0:
                    times.setdefault(name, []).append(found["ms"])
                    counts.setdefault(name, []).append(found["count"])
    return {
        name: {
            "found": statistics.median(counts[name]),
            "median_ms": statistics.median(times[name]),
            "quartile_ms": statistics.quantiles(times[name], n=4)[0],
        }
        for name in times
    }


def print_speeds(speeds: dict[int, dict[str, dict[str, float]]]) -> None:
    """A row for each reader and number of faces."""
    names = ("faces", "reader", "found", "median ms", "lower quartile ms", "of human's")
    print_head(*names, left=len(names))
    for faces, readers in speeds.items():
        base = readers["human"]["quartile_ms"]
        for name, one in readers.items():
            times = (f"{one['median_ms']:.1f}", f"{one['quartile_ms']:.1f}")
            share = f"{one['quartile_ms'] / base:.2f}"
            print_row(str(faces), name, f"{one['found']:.0f}", *times, share)
    print()


def print_loads(loads: dict[str, dict[str, float]]) -> None:
    """A row for each reader."""
    names = ("reader", "MB to the first reading", "as brotli", "seconds, from this machine")
    print_head(*names, left=len(names))
    for name, one in loads.items():
        values = (one["bytes"] / 1e6, one["brotli"] / 1e6, one["first_s"])
        print_row(name, *(f"{value:.2f}" for value in values))


if __name__ == "__main__":
    main()
