"""Mien beside the packaged emotion readers that ship their weights, in one run.

    python benchmarks/peers.py --data FER2013 --work DIR [--peers mien,fer] [--limit N]

Each is installed into an environment of its own under DIR, which must not be in the repository,
and runs in a process of its own behind one of `benchmarks/adapters`, on one thread. All see the
same pixels: the faces of PrivateTest as they are in the data set, a photo of 512 x 512 pixels
(examples/astronaut.jpg), and a frame of 1280 x 720 with that photo in its middle.

- Accuracy and macro-F1: the crops go straight into the peer's emotion network; `--limit` takes a
  random sample of them.
- Photo and frame: time from pixels in memory to emotions, medians; the peers take turns, call by
  call. The second figure is processor time, which other work on the machine disturbs less.
- Cold start: from the start of a process to its first answer, on the photo; they take turns too.
- Memory: the most that the process had resident, after start and the calls on photo and frame.
- Installed: all files of its environment, without Python and node themselves.

A peer that cannot be installed or run gets a row that says so. Needs the extras `train` and `dev`,
and for peers from npm node and npm. What an earlier run installed in DIR is used again.
"""

import contextlib
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import psutil  # type: ignore[import-untyped]
from numpy.typing import NDArray
from sklearn.metrics import f1_score

import program
from mien.errors import MienError, OptionError
from mien.labels import EMOTIONS
from mien.learn.data.datasets import FaceSet, load_faces
from mien.readings import Image
from mien.recognize.classifier import DEFAULT_MODEL
from mien.recognize.images import load_image
from processes import cpu_s, sum_of

ROOT: Final = Path(__file__).resolve().parent.parent
ADAPTERS: Final = Path(__file__).resolve().parent / "adapters"

COLD_ROUNDS: Final = 5  # and one before, that fills the file cache
WARM_UP_ROUNDS: Final = 5  # whose times do not count: JavaScript is compiled while it runs
WARM_ROUNDS: Final = 30
CROPS_AT_ONCE: Final = 64
ANSWER_TIMEOUT_S: Final = 300.0
INSTALL_TIMEOUT_S: Final = 1800.0

ONE_THREAD: Final = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    **dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1"),
}

Command = Sequence[str]

say = partial(program.say, "peers")


class PeerError(MienError):
    """A peer that cannot be installed or run, or whose answer is none."""


@dataclass(frozen=True)
class Peer:
    """A package that reads emotions, and how it is installed and run."""

    name: str  # what `--peers` calls it
    package: str  # what its registry calls it
    requirements: tuple[str, ...]  # what pip or npm installs, with exact versions
    adapter: str  # its file in `benchmarks/adapters`; .cjs runs in node
    arguments: tuple[str, ...] = ()  # of the adapter

    @property
    def in_node(self) -> bool:
        """Whether node runs it, and npm installs it."""
        return self.adapter.endswith(".cjs")

    def environment(self, work: Path) -> Path:
        """The folder that holds all it needs."""
        return work / self.name / ("node_modules" if self.in_node else "venv")

    def command(self, work: Path) -> Command:
        """What starts its adapter."""
        adapter = str(ADAPTERS / self.adapter)
        if self.in_node:
            return ["node", adapter, str(work / self.name), *self.arguments]
        return [str(_python(self.environment(work))), adapter, *self.arguments]

    def install_commands(self, work: Path) -> list[Command]:
        """What makes its environment."""
        if self.in_node:
            options = ["--no-audit", "--no-fund", "--prefix", str(work / self.name)]
            return [["npm", "install", *options, *self.requirements]]
        environment = self.environment(work)
        pip = [str(_python(environment)), "-m", "pip", "--disable-pip-version-check", "install"]
        return [
            [sys.executable, "-m", "venv", str(environment)],
            [*pip, "--quiet", "--no-cache-dir", *self.requirements],
        ]


def known_peers(model: str = DEFAULT_MODEL) -> dict[str, Peer]:
    """The peers by name; mien, with that model, is the first.

    deepface, hsemotion, emotiefflib and rmn fetch their weights when they run, and are not here.
    """
    tfjs = "4.22.0"
    wasm = f"@tensorflow/tfjs-backend-wasm@{tfjs}"
    core = f"@tensorflow/tfjs-core@{tfjs}", f"@tensorflow/tfjs-converter@{tfjs}", wasm
    human, face_api = "@vladmandic/human", "@vladmandic/face-api"
    whole = f"@tensorflow/tfjs@{tfjs}", wasm
    peers = (
        Peer("mien", "mien", (str(ROOT),), "mien_adapter.py", (model, "label")),
        # It imports pkg_resources, which setuptools 82 no longer has.
        Peer("fer", "fer", ("fer==25.10.3", "setuptools<81"), "fer_adapter.py"),
        Peer("human", human, (f"{human}@3.3.6", *core), "human_adapter.cjs"),
        Peer("face-api", face_api, (f"{face_api}@1.7.15", *whole), "face_api_adapter.cjs"),
    )
    return {peer.name: peer for peer in peers}


Times = list[tuple[float, float]]
"""Of calls of one kind: by the clock, and of the processor."""


@dataclass
class PeerResult:
    """What was measured of a peer; None where it was not."""

    peer: Peer
    version: str | None = None
    fed: str | None = None
    accuracy: float | None = None  # 0 to 1
    macro_f1: float | None = None  # 0 to 1
    # Of photo and frame in milliseconds, of the cold start in seconds; by these names.
    times: dict[str, Times] = field(default_factory=dict)
    readings: dict[str, str] = field(default_factory=dict)  # photo -> what was read off it
    peak_memory_bytes: int | None = None
    installed_bytes: int | None = None
    failure: str | None = None
    process: "Process | None" = None  # while it is up

    def ask(self, **request: Any) -> dict[str, Any]:
        """What its process answers, which then rests: some go on working after their answer."""
        assert self.process is not None
        answer = self.process.ask(**request)
        self.process.pause()
        return answer


@dataclass(frozen=True)
class Inputs:
    """What every peer is given, as files of raw bytes."""

    images: Mapping[str, Mapping[str, Any]]  # name -> the request for that photo
    crops: Path  # file of (N, 48, 48) uint8
    targets: NDArray[np.int64]  # (N,)


class Process:
    """An adapter's process, which answers one request at a time, in time or is ended."""

    def __init__(self, command: Command, *, timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        try:
            self._process = psutil.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env={**os.environ, **ONE_THREAD, "TF_CPP_MIN_LOG_LEVEL": "3"},
            )
        except OSError as error:
            raise PeerError(f"{command[0]} does not start: {error.strerror or error}") from error

    def ask(self, **request: Any) -> dict[str, Any]:
        """The answer to a request; a `PeerError` where it is an error, no JSON, or none came."""
        process = self._process
        process.resume()
        timer = threading.Timer(self._timeout_s, process.kill)
        timer.start()
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except OSError:
            line = ""
        finally:
            timed_out = not timer.is_alive()
            timer.cancel()
        if not line:
            why = f"after {self._timeout_s:.0f} s" if timed_out else f"status {process.wait()}"
            raise PeerError(f"no answer to {request['do']!r} ({why})")
        try:
            answer = json.loads(line)
        except ValueError:
            raise PeerError(f"expected an answer in JSON; got {line.strip()[:80]!r}") from None
        if not isinstance(answer, dict):
            raise PeerError(f"expected an object; got {line.strip()[:80]!r}")
        if "error" in answer:
            raise PeerError(str(answer["error"]))
        return answer

    def pause(self) -> None:
        """Let it do nothing until it is asked again."""
        self._process.suspend()

    def peak_memory_bytes(self) -> int | None:
        """The most it had resident so far; None on systems without /proc."""
        # Not the usage that wait4 gives: that begins with what this process had at the fork.
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{self._process.pid}/status").read_text()
            if peak := re.search(r"VmHWM:\s+(\d+)", status):
                return int(peak[1]) * 1024
        return None

    def cpu_s(self) -> float:
        """Processor time that it took so far."""
        return sum_of(self._process.pid, cpu_s)

    def close(self) -> None:
        """End the process."""
        with contextlib.suppress(psutil.NoSuchProcess):
            self._process.resume()
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                stream.close()
        try:
            self._process.wait(timeout=5.0)
        except psutil.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Comparison:
    """The run: peers that fail drop out of it, and keep what was measured of them."""

    def __init__(self, peers: Sequence[Peer], work: Path, say: Callable[[str], None]) -> None:
        self.results = [PeerResult(peer) for peer in peers]
        self.work = work
        self.say = say

    def running(self) -> list[PeerResult]:
        """Those that have not failed."""
        return [result for result in self.results if result.failure is None]

    @contextlib.contextmanager
    def guarded(self, result: PeerResult) -> Iterator[None]:
        """A block in which the peer may fail."""
        try:
            yield
        except PeerError as error:
            self.say(f"{result.peer.name}: {error}")
            result.failure = str(error)

    def install(self) -> None:
        """Make the environments that are not there, and measure all."""
        for result in self.running():
            with self.guarded(result):
                install(result.peer, self.work, self.say)
                result.installed_bytes = size_of(result.peer.environment(self.work))

    def cold_starts(self, inputs: Inputs, rounds: int) -> None:
        """Start each peer anew, in turns, and wait for its first reading of the photo."""
        for turn in range(rounds + 1):
            self.say(f"cold start {turn} of {rounds}")
            for result in self.running():
                with self.guarded(result):
                    start = time.perf_counter()
                    process = Process(result.peer.command(self.work))
                    try:
                        process.ask(**inputs.images["photo"])
                        taken = time.perf_counter() - start, process.cpu_s()
                    finally:
                        process.close()
                    if turn:
                        result.times.setdefault("cold start", []).append(taken)

    def warm_calls(self, inputs: Inputs, rounds: int) -> None:
        """Read photo and frame in turns, all processes being up and all but one at rest."""
        for turn in range(-WARM_UP_ROUNDS, rounds):
            for result in self.running():
                with self.guarded(result):
                    for photo, request in inputs.images.items():
                        answer = result.ask(**request)
                        if turn < 0:
                            continue
                        count, taken = answer["faces"], (answer["ms"], answer["cpu_ms"])
                        result.times.setdefault(photo, []).append(taken)
                        word = "face" if count == 1 else "faces"
                        result.readings[photo] = f"{count} {word}, {answer['label']}"
        for result in self.running():
            assert result.process is not None
            result.peak_memory_bytes = result.process.peak_memory_bytes()

    def run(self, inputs: Inputs, *, cold_rounds: int, warm_rounds: int) -> None:
        """Measure all that is asked for."""
        self.cold_starts(inputs, cold_rounds)
        try:
            for result in self.running():
                with self.guarded(result):
                    result.process = Process(result.peer.command(self.work))
                    hello = result.ask(do="hello")
                    result.version, result.fed = hello["version"], hello["fed"]
            self.say(f"photo and frame, {warm_rounds} rounds")
            self.warm_calls(inputs, warm_rounds)
            for result in self.running():
                self.say(f"{result.peer.name}: {len(inputs.targets):,} crops")
                with self.guarded(result):
                    assert result.process is not None
                    labels = read_crops(result.process, inputs.crops, len(inputs.targets))
                    result.accuracy, result.macro_f1 = accuracy_of(labels, inputs.targets)
        finally:
            for result in self.results:
                if result.process is not None:
                    result.process.close()


def read_crops(process: Process, file: Path, count: int) -> list[str | None]:
    """What a peer's network reads in each of the crops in a file, (count, 48, 48) uint8."""
    labels: list[str | None] = []
    while len(labels) < count:
        some = min(CROPS_AT_ONCE, count - len(labels))
        labels += labels_of(
            process.ask(do="crops", file=str(file), first=len(labels), count=some), some
        )
    return labels


def labels_of(answer: Mapping[str, Any], count: int) -> list[str | None]:
    """The labels in an answer, which must be so many."""
    labels: list[str | None] = answer["labels"]
    if len(labels) != count:
        raise PeerError(f"expected {count} labels; got {len(labels)}")
    return labels


def install(peer: Peer, work: Path, say: Callable[[str], None]) -> None:
    """Make a peer's environment, unless it is there as the requirements have it."""
    marker = work / peer.name / "installed.txt"
    wanted = "\n".join(peer.requirements) + "\n"
    # Mien itself changes under the same version.
    again = str(ROOT) in peer.requirements
    made = marker.exists() and peer.environment(work).is_dir()
    if made and not again and marker.read_text() == wanted:
        return
    say(f"{peer.name}: installing {', '.join(peer.requirements)}")
    shutil.rmtree(peer.environment(work), ignore_errors=True)
    marker.parent.mkdir(parents=True, exist_ok=True)
    for command in peer.install_commands(work):
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired:
            raise PeerError(f"not installed in {INSTALL_TIMEOUT_S / 60:.0f} minutes") from None
        except OSError as error:
            raise PeerError(f"{command[0]} does not start: {error.strerror or error}") from error
        if done.returncode:
            last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
            raise PeerError(f"not installed: {Path(command[0]).name} says {last.strip()!r}")
    marker.write_text(wanted)


def size_of(folder: Path) -> int:
    """Bytes of all files in a folder; links count nothing, a file with two names once."""
    seen = {}
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            status = path.stat()
            seen[status.st_dev, status.st_ino] = status.st_size
    return sum(seen.values())


def accuracy_of(labels: Sequence[str | None], targets: NDArray[np.int64]) -> tuple[float, float]:
    """Accuracy and macro-F1 of labels, of which None is always wrong, against (N,) targets."""
    if unknown := {label for label in labels if label is not None} - set(EMOTIONS):
        raise PeerError(f"expected labels among {', '.join(EMOTIONS)}; got {sorted(unknown)[0]!r}")
    predicted = np.array([-1 if x is None else EMOTIONS.index(x) for x in labels], np.int64)
    labelled = np.unique(targets)  # as in mien's own scores: the classes that have faces
    macro_f1 = f1_score(targets, predicted, labels=labelled, average="macro", zero_division=0)
    return float((predicted == targets).mean()), float(macro_f1)


def write_inputs(faces: FaceSet, photo: Image, work: Path, *, limit: int) -> Inputs:
    """Write what the peers are given into the folder.

    With a limit so many faces of test, drawn at random with seed 0.
    """
    folder = work / "inputs"
    folder.mkdir(parents=True, exist_ok=True)
    side, width = 720, 1280
    frame = np.full((side, width, 3), 96, np.uint8)
    left = (width - side) // 2
    frame[:, left : left + side] = cv2.resize(photo, (side, side), interpolation=cv2.INTER_LINEAR)
    images = {}
    for name, image in (("photo", photo), ("frame", frame)):
        file = folder / f"{name}.rgb"
        np.ascontiguousarray(image).tofile(file)
        height, width = image.shape[:2]
        images[name] = {"do": "photo", "file": str(file), "width": width, "height": height}
    test = faces.split("test")
    if limit and limit < len(test):
        rows = np.random.default_rng(0).permutation(len(test))[:limit]
        test = test.take(np.sort(rows))
    crops = folder / "crops.gray"
    test.images.tofile(crops)
    return Inputs(images, crops, test.targets)


def machine() -> str:
    """Where this runs, in words."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    used = f"{cores} of {os.cpu_count()} cores used, load {psutil.getloadavg()[0]:.1f} at the end"
    return f"{platform.system()}, {program.processor()}, {used}"


def table(results: Sequence[PeerResult]) -> str:
    """The results as a table in Markdown, and under it how each was fed or failed."""
    head = ["peer", "accuracy", "macro-F1", "photo 512x512", "frame 1280x720", "cold start"]
    rows = [
        [
            f"{result.peer.package} {result.version or ''}".strip(),
            *("-" if s is None else f"{s:.4f}" for s in (result.accuracy, result.macro_f1)),
            *(_time(result.times.get(photo), "ms", digits=1) for photo in ("photo", "frame")),
            _time(result.times.get("cold start"), "s", digits=2),
            *map(_bytes, (result.peak_memory_bytes, result.installed_bytes)),
        ]
        for result in results
    ]
    notes = []
    for result in results:
        read = "; ".join(f"{photo}: {what}" for photo, what in result.readings.items())
        words = " ".join(text for text in (result.fed, f"Read: {read}." if read else None) if text)
        if result.failure:
            words = f"failed: {result.failure.rstrip('.')}. {words}".strip()
        if words:
            notes.append(f"- {result.peer.package}: {words}")
    return "\n".join([program.table([*head, "memory", "installed"], rows), "", *notes])


def _time(times: Times | None, unit: str, *, digits: int) -> str:
    """Medians of at least one time, by the clock and, in brackets, of the processor."""
    if times is None:
        return "-"
    wall, cpu = map(statistics.median, zip(*times, strict=True))
    return f"{wall:.{digits}f} ({cpu:.{digits}f}) {unit}"


def _bytes(count: int | None) -> str:
    if count is None:
        return "-"
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _python(environment: Path) -> Path:
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def chosen(names: str, peers: Mapping[str, Peer]) -> list[Peer]:
    """The peers whose names stand in a list with commas."""
    for name in (wanted := names.split(",")):
        if name not in peers:
            raise OptionError(f"peers: expected some of {', '.join(peers)}; got {name!r}")
    return [peers[name] for name in dict.fromkeys(wanted)]


def work_folder(work: Path) -> Path:
    """The folder of the environments, in full; it must not lie in the repository."""
    if (folder := work.resolve()).is_relative_to(ROOT):
        raise OptionError(f"work: expected a folder outside {ROOT}; got {folder}")
    return folder


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison and print it; the status is 1 where a peer failed, 130 on Ctrl-C."""
    names = known_peers()
    parser = program.options_of(__doc__, model=DEFAULT_MODEL)
    parser.add_argument("--work", type=Path, required=True, help="folder of the environments")
    parser.add_argument("--peers", default=",".join(names), help=f"some of {','.join(names)}")
    parser.add_argument("--limit", type=int, default=0, help="faces to read; 0 reads all")
    parser.add_argument("--cold-rounds", type=int, default=COLD_ROUNDS)
    parser.add_argument("--warm-rounds", type=int, default=WARM_ROUNDS)
    options = parser.parse_args(arguments)
    try:
        work = work_folder(options.work)
        peers = chosen(options.peers, known_peers(options.model))
        faces = load_faces(options.data)
        inputs = write_inputs(faces, load_image(program.PORTRAIT), work, limit=options.limit)
    except MienError as error:
        say(str(error))
        return 2
    comparison = Comparison(peers, work, say)
    interrupted = False
    try:
        comparison.install()
        comparison.run(inputs, cold_rounds=options.cold_rounds, warm_rounds=options.warm_rounds)
    except KeyboardInterrupt:
        say("interrupted; this is what was measured until then")
        interrupted = True
    results = comparison.results
    count, tested = len(inputs.targets), int((faces.splits == "test").sum())
    print(
        f"{machine()}, one thread for each peer. Accuracy on {count:,} of {tested:,} faces of "
        f"PrivateTest{', drawn at random' if count < tested else ''}. Medians of "
        f"{options.warm_rounds} calls and {options.cold_rounds} cold starts; in brackets of "
        "processor time.\n"
    )
    print(table(results))
    return program.INTERRUPTED if interrupted else any(result.failure for result in results)


if __name__ == "__main__":
    sys.exit(main())
