"""What the routes of the server share: recognizers, threads, limits, and what is going on."""

import asyncio
import copy
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from mien import __version__
from mien.environment import cores
from mien.recognize.recognizer import Recognizer
from mien.web.batching import BatchingClassifier
from mien.web.errors import ApiError
from mien.web.schemas import BoundsOf, Health
from mien.web.settings import WebSettings, megabytes

T = TypeVar("T")

_MAX_THREADS: Final = 16


class Service:
    """The one object behind all routes of a server process.

    Attributes:
        unshared: the network of `classifier`, for who would keep the others waiting.
        threads: that read images, in the order in which they come.
        held_bytes: of bodies that are in memory.
        videos: being taken or read now: id -> what `cancel()` ends.
        connections: tells how many are open, of any kind.
        cancel_elsewhere: asks the other processes to cancel the video of an id, which nobody here
            knows; False if there are none.
        stopping: set when the server ends.
    Raises:
        MienError: as `mien.Recognizer` raises.
    """

    def __init__(self, settings: WebSettings) -> None:
        self.settings = settings
        self.limits = settings.limits
        self._recognizer = settings.open(threads=settings.threads)
        self.unshared = self._recognizer.classifier
        self._recognizer.classifier = self.classifier = BatchingClassifier(self.unshared)
        self.held_bytes = 0
        self.live_clients = 0
        self.videos: dict[str, Any] = {}
        self.connections: Callable[[], int] = lambda: 0
        self.cancel_elsewhere: Callable[[str], bool] = lambda id_: False
        self._started_at = time.monotonic()
        self.start()

    def start(self) -> None:
        """Make what `stop` ends: an application may live several times, as in tests."""
        self.threads = ThreadPoolExecutor(min(cores(), _MAX_THREADS), "mien reader")
        self.stopping = asyncio.Event()

    def recognizer(self) -> Recognizer:
        """One for a thread, whose settings it may change; detector and network are shared."""
        return copy.copy(self._recognizer)

    async def run(self, job: Callable[[Recognizer], T]) -> T:
        """What a job gives, in a thread; one that is cancelled before its turn is never begun."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.threads, job, self.recognizer())

    def hold(self, size: int) -> None:
        """Count bytes of a body as held; an ApiError where there is no room for them."""
        if self.held_bytes + size > (most := self.limits.memory_bytes):
            message = f"expected images of {megabytes(most)} at once; try again"
            raise ApiError(429, "busy", message)
        self.held_bytes += size

    def health(self, *, camera: bool) -> Health:
        """What `GET /api/health` answers."""
        return Health(
            status="ok",
            version=__version__,
            model=self.settings.model_name,
            uptime_s=round(time.monotonic() - self._started_at, 3),
            live_clients=self.live_clients,
            camera=camera,
            browser=self.settings.is_plain,
            limits=BoundsOf.of(self.limits),
        )

    def cancel_video(self, id_: str) -> bool:
        """End the reading of a video; False if there is none of that id.

        Of a video of another process nobody here knows whether it is there: that counts as True.
        """
        if id_ in self.videos:
            self.videos[id_].cancel()
            return True
        return self.cancel_elsewhere(id_)

    def stop(self) -> None:
        """End live clients and videos; in the event loop."""
        self.stopping.set()
        for video in list(self.videos.values()):
            video.cancel()

    @property
    def is_idle(self) -> bool:
        """Whether there are no more live clients and videos."""
        return not self.live_clients and not self.videos
