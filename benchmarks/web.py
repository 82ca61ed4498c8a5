"""`mien serve`, measured from outside: live round trips, live clients beside each other, photos.

    python benchmarks/web.py [--model NAME|FILE] [--photos DIR] [--workers 1 2]
                             [--only live|clients|photos] [--short]

Starts the server as a process of its own, on a free port of this machine, for each number of
workers, and prints for each

- live: one client that sends frames of 640 x 480 at 30 a second, each when the reply to the one
  before is drawn: the time from a frame until its boxes and bars are drawn, and where it goes:
  encoding JPEG, waiting for the reply (of which the server reads), drawing;
- clients: four at once, 10 frames a second each, whether replies come or not: how many frames were
  sent after the last one that was answered, at the worst moment;
- photos: 200 of 640 x 480 posted by eight clients, each as a request of its own: every answer is
  compared with what the library reads here; time for each, throughput, and the memory of all
  processes of the server before and after. Beside it, in the same run, the library in a loop,
  without a server.

The clients run in one process on the same machine, and take their share of its cores. Processor
time is that of the server alone. `--short` does a tenth of all. Needs psutil.
"""

import asyncio
import http.client
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
import psutil  # type: ignore[import-untyped]
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as connect_async
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from mien.output.overlay import annotate
from mien.readings import Image, Reading
from mien.recognize.classifier import DEFAULT_MODEL
from mien.recognize.images import load_image
from mien.recognize.recognizer import Recognizer
from processes import cpu_s, family_of, resident_mb, sum_of
from program import PORTRAIT, options_of, print_head, print_row

WIDTH, HEIGHT = 640, 480
JPEG_QUALITY: Final = 80  # as the page sends frames
START_S: Final = 60.0  # for the server to answer
WARM_UP: Final = 5  # frames before those that count
SUBPROTOCOL: Final = Subprotocol("mien")


@dataclass(frozen=True)
class Plan:
    """How much is done."""

    live_frames: int = 300  # of the one client
    live_fps: float = 30.0  # at most
    clients: int = 4  # live, at once
    client_fps: float = 10.0  # of each
    client_s: float = 20.0  # for how long
    photos: int = 200  # posted in all
    posters: int = 8  # clients that post them


SHORT: Final = Plan(live_frames=30, client_s=2.0, photos=20)


class RoundTrip(NamedTuple):
    """One frame of the live client, in milliseconds."""

    encode: float  # the frame to JPEG
    wait: float  # from sending it until its reply has come; `read` is part of it
    read: float  # as the server says: decoding, detecting, following, reading
    draw: float  # boxes, labels and bars
    total: float  # from the frame until it is drawn
    faces: int  # that were found


@dataclass
class LiveClient:
    """What one of several live clients saw."""

    sent_at: list[float] = field(default_factory=list)  # of each frame
    dropped: int = 0  # as the server says at last: frames for which a newer one was read
    # Frames that were sent after the last one that was answered, just before each reply; one is
    # always on its way.
    behind: list[int] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)  # from each answered frame to its reply


@dataclass(frozen=True)
class Posted:
    """What became of the photos."""

    latencies_ms: list[float]  # of each request that was answered
    lost: int  # requests without an answer
    wrong: int  # answers that are not what the library reads here
    seconds: float  # from the first request to the last answer


# The server


@dataclass(frozen=True)
class Running:
    """A server that runs."""

    host: str
    port: int
    process: int  # the number of its first one

    @property
    def live_address(self) -> str:
        """Of the WebSocket."""
        return f"ws://{self.host}:{self.port}/api/live"

    def connection(self) -> http.client.HTTPConnection:
        """For requests, one after the other."""
        return http.client.HTTPConnection(self.host, self.port, timeout=START_S)

    def spent(self) -> NDArray[np.float64]:
        """Resident memory in MB, and processor time until now, of all its processes."""
        return np.array([sum_of(self.process, resident_mb), sum_of(self.process, cpu_s)])


@contextmanager
def server(model: str, *, workers: int) -> Iterator[Running]:
    """Start `mien serve`, wait until every worker answers, and end it afterwards."""
    command = [sys.executable, "-m", "mien", "serve", "--port", "0", "--no-browser"]
    command += ["--model", model, "--workers", str(workers)]
    environment = {key: value for key, value in os.environ.items() if key != "MIEN_TOKEN"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            address = re.match(r"http://([\d.]+):(\d+)/", line)
            if address is None:
                raise RuntimeError(f"expected the server's address; got {line!r}")
            running = Running(address[1], int(address[2]), process.pid)
            _await_workers(running, workers)
            yield running
        finally:
            process.terminate()
            process.wait(timeout=30)


def _await_workers(running: Running, workers: int) -> None:
    """Wait until all have answered: each connection is held by the worker that answers it."""
    begun = time.monotonic()
    answered: set[int] = set()  # numbers of their processes
    while len(answered) < workers:
        if time.monotonic() - begun > START_S:
            raise RuntimeError(f"expected {workers} workers to answer; {len(answered)} did")
        time.sleep(0.01)
        with closing(running.connection()) as connection, suppress(OSError, psutil.Error):
            connection.request("GET", "/api/health")
            connection.getresponse().read()
            address = connection.sock.getsockname()
            for process in family_of(running.process):
                if any(one.raddr == address for one in process.net_connections("tcp")):
                    answered.add(process.pid)


# One live client


def live_frames(count: int) -> list[Image]:
    """(480, 640, 3) uint8 each: a portrait that moves to and fro before a gray wall."""
    portrait = cv2.resize(load_image(PORTRAIT), (400, 400), interpolation=cv2.INTER_AREA)
    noise = np.random.default_rng(0).normal(0, 3, (HEIGHT, WIDTH, 3))
    frames = [np.clip(128 + noise, 0, 255).astype(np.uint8) for _ in range(count)]
    for index, frame in enumerate(frames):
        x, y = round(120 + 100 * np.sin(index / 12)), round(50 + 20 * np.sin(index / 7))
        frame[y : y + 400, x : x + 400] = portrait
    return frames


def encode(frame: Image) -> bytes:
    """A frame as the page sends it."""
    _, jpeg = cv2.imencode(".jpg", frame[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return jpeg.tobytes()


def reading_of(face: dict[str, Any]) -> Reading:
    """A face of a reply, as it is drawn."""
    return Reading(
        box=tuple(face["box"]),
        score=face["score"],
        landmarks=None,
        emotion=face["emotion"],
        probability=face["probability"],
        probabilities=tuple(face["probabilities"].values()),
        unsure=face["unsure"],
    )


def live(running: Running, plan: Plan) -> list[RoundTrip]:
    """Send frame after frame, each when the reply to the one before is drawn."""
    frames, trips = live_frames(60), []
    with connect(
        running.live_address, subprotocols=[SUBPROTOCOL], compression=None, max_size=None
    ) as socket:
        due = time.perf_counter()
        for index in range(plan.live_frames + WARM_UP):
            time.sleep(max(0.0, due - time.perf_counter()))
            due = max(due + 1 / plan.live_fps, time.perf_counter())
            frame = frames[index % len(frames)]
            times = [time.perf_counter()]
            content = encode(frame)
            times.append(time.perf_counter())
            socket.send(content)
            reply = json.loads(socket.recv(timeout=START_S))
            times.append(time.perf_counter())
            annotate(frame, [reading_of(face) for face in reply["faces"]])
            times.append(time.perf_counter())
            encode_ms, wait_ms, draw_ms = (1e3 * np.diff(times)).tolist()
            total_ms, faces = encode_ms + wait_ms + draw_ms, len(reply["faces"])
            trip = RoundTrip(encode_ms, wait_ms, reply["read_ms"], draw_ms, total_ms, faces)
            trips.append(trip)
    return trips[WARM_UP:]


# Several


def clients(running: Running, plan: Plan) -> list[LiveClient]:
    """Live clients that send at a steady rate, whether replies come or not."""
    contents = [encode(frame) for frame in live_frames(60)]  # as on machines of their own

    async def one(number: int) -> LiveClient:
        seen = LiveClient()
        await asyncio.sleep(number / plan.client_fps / plan.clients)
        async with connect_async(
            running.live_address, subprotocols=[SUBPROTOCOL], compression=None
        ) as socket:
            receiving = asyncio.create_task(_receive(socket, seen))
            start = time.perf_counter()
            for index in range(round(plan.client_s * plan.client_fps)):
                await asyncio.sleep(max(0.0, start + index / plan.client_fps - time.perf_counter()))
                seen.sent_at.append(time.perf_counter())
                await socket.send(contents[(index + 15 * number) % len(contents)])
            await asyncio.wait([receiving], timeout=2.0)
            receiving.cancel()
        return seen

    async def all_of_them() -> list[LiveClient]:
        return list(await asyncio.gather(*(one(number) for number in range(plan.clients))))

    return asyncio.run(all_of_them())


async def _receive(socket: ClientConnection, seen: LiveClient) -> None:
    last = -1
    while True:
        reply = json.loads(await socket.recv())
        seen.behind.append(len(seen.sent_at) - 1 - last)
        last, seen.dropped = reply["frame"], reply["dropped"]
        seen.latencies_ms.append(1e3 * (time.perf_counter() - seen.sent_at[last]))


# Photos


def made_up_photos(count: int, folder: Path | None) -> list[bytes]:
    """JPEG files: the portrait, or a folder's images, at many sizes and places of 640 x 480."""
    random, files = np.random.default_rng(1), [PORTRAIT]
    if folder is not None:
        files = sorted(path for path in folder.iterdir() if path.suffix in (".jpg", ".png"))
    images = [load_image(path) for path in files]
    photos = []
    for index in range(count):
        image = images[index % len(images)]
        height, width = image.shape[:2]
        scale = float(random.uniform(0.7, 1.0)) * min(WIDTH / width, HEIGHT / height)
        size = round(width * scale), round(height * scale)
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        photo = np.full((HEIGHT, WIDTH, 3), int(random.integers(60, 200)), np.uint8)
        x, y = (int(random.integers(0, space + 1)) for space in (WIDTH - size[0], HEIGHT - size[1]))
        photo[y : y + size[1], x : x + size[0]] = small
        photos.append(encode(photo))
    return photos


def post(
    running: Running, photos: Sequence[bytes], expected: Sequence[Any], posters: int
) -> Posted:
    """Post the photos, each poster the next one that is left."""
    waiting = [running.connection() for _ in range(posters)]

    def one(photo: bytes, expected: list[Reading]) -> tuple[float, bool] | None:
        """Milliseconds, and whether the answer is right; None where it did not come."""
        connection = waiting.pop()
        start = time.perf_counter()
        try:
            connection.request("POST", "/api/readings", photo, {"Content-Type": "image/jpeg"})
            response = connection.getresponse()
            answer = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError):
            connection.close()
            return None
        finally:
            waiting.append(connection)
        took_ms = 1e3 * (time.perf_counter() - start)
        faces = answer["images"][0]["faces"] if response.status == 200 else None
        return took_ms, same_faces(faces, expected)

    start = time.perf_counter()
    with ThreadPoolExecutor(posters) as pool:
        answers = list(pool.map(one, photos, expected))
    seconds = time.perf_counter() - start
    for connection in waiting:
        connection.close()
    answered = [answer for answer in answers if answer is not None]
    wrong = sum(not right for _, right in answered)
    return Posted([ms for ms, _ in answered], len(answers) - len(answered), wrong, seconds)


def same_faces(found: list[dict[str, Any]] | None, expected: list[Reading]) -> bool:
    """Whether an answer has the faces that the library finds, and reads them likewise."""
    if found is None or len(found) != len(expected):
        return False
    return all(
        np.allclose(one["box"], other.box, atol=0.01)
        and np.allclose(list(one["probabilities"].values()), other.probabilities, atol=0.02)
        for one, other in zip(found, expected, strict=True)
    )


# Tables


def spread(values: Sequence[float], *shares: float) -> list[str]:
    """Quantiles, as cells of a table."""
    return [f"{np.quantile(values, share):.1f}" for share in shares]


def print_live(trips: Sequence[RoundTrip], cpu_s: float) -> None:
    found = sum(trip.faces > 0 for trip in trips)
    print(
        f"\n### One live client, {WIDTH}x{HEIGHT}: {len(trips)} frames, a face in {found}; "
        f"{1e3 * cpu_s / len(trips):.1f} ms of the server's processor time for each\n"
    )
    print_head("from frame to image, ms", "median", "95 %", "99 %")
    parts = ("encode JPEG", "send, wait, receive", "of it the server reads", "draw")
    for name, values in zip((*parts, "**round trip**"), zip(*trips, strict=True), strict=False):
        print_row(name, *spread(values, 0.5, 0.95, 0.99))


def print_clients(seen: Sequence[LiveClient], plan: Plan, workers: int) -> None:
    print(
        f"\n### {len(seen)} live clients, {plan.client_fps:g} frames/s each for "
        f"{plan.client_s:g} s, workers {workers}\n"
    )
    counts = ("sent", "answered", "dropped", "most frames behind")
    print_head("client", *counts, "reply, ms: median", "95 %")
    for number, one in enumerate(seen, start=1):
        cells = (number, len(one.sent_at), len(one.behind), one.dropped, max(one.behind))
        print_row(*map(str, cells), *spread(one.latencies_ms, 0.5, 0.95))


def print_photos(rows: Sequence[tuple[str, Posted, float, float, float]]) -> None:
    print_head(
        *("photos", "photos/s", "lost", "wrong", "p50, ms", "p95", "p99", "memory before, MB"),
        *("after", "processor time, s"),
    )
    for name, posted, before, after, took_s in rows:
        print_row(
            *(name, f"{len(posted.latencies_ms) / posted.seconds:.1f}"),
            *(str(posted.lost), str(posted.wrong)),
            *spread(posted.latencies_ms, 0.5, 0.95, 0.99),
            *(f"{before:.0f}", f"{after:.0f}", f"{took_s:.1f}"),
        )


def main() -> None:
    parser = options_of(__doc__, model=DEFAULT_MODEL, data=False)
    parser.add_argument("--photos", type=Path, help="folder of images to post")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--only", choices=("live", "clients", "photos"))
    parser.add_argument("--short", action="store_true")
    options = parser.parse_args()
    plan = SHORT if options.short else Plan()
    cv2.setNumThreads(1)
    print(
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}; model {options.model}"
    )
    rows = []
    photos, expected = [], []
    if options.only in (None, "photos"):
        photos = made_up_photos(plan.photos, options.photos)
        recognizer = Recognizer(options.model)
        recognizer(photos[0])
        start, cpu_start = time.perf_counter(), time.process_time()
        times_ms = []
        for photo in photos:
            began = time.perf_counter()
            expected.append(recognizer(photo))
            times_ms.append(1e3 * (time.perf_counter() - began))
        alone = Posted(times_ms, 0, 0, time.perf_counter() - start)
        here_mb, took_s = resident_mb(psutil.Process()), time.process_time() - cpu_start
        rows.append(("the library, in a loop", alone, here_mb, here_mb, took_s))
    for workers in options.workers:
        with server(options.model, workers=workers) as running:
            # A live client stays with one process: more of them change nothing for it.
            if options.only in (None, "live") and workers == options.workers[0]:
                before = running.spent()
                trips = live(running, plan)
                print_live(trips, (running.spent() - before)[1])
            if options.only in (None, "clients"):
                print_clients(clients(running, plan), plan, workers)
            if photos:
                post(running, photos[:16], expected, plan.posters)  # warms it
                before = running.spent()
                posted = post(running, photos, expected, plan.posters)
                after = running.spent()
                name = f"{plan.posters} clients, workers {workers}"
                rows.append((name, posted, before[0], after[0], (after - before)[1]))
    if rows:
        faces = statistics.mean(len(readings) for readings in expected)
        print(
            f"\n### {len(photos)} photos of {WIDTH}x{HEIGHT}, {faces:.1f} faces each on average\n"
        )
        print_photos(rows)


if __name__ == "__main__":
    main()
