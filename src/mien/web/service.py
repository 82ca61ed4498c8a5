"""What the routes of the server share."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mien import __version__
from mien.web.answers import Refusal
from mien.web.limits import Limits, megabytes
from mien.web.readers import Readers, Recognizers
from mien.web.settings import WebSettings


class Budget:
    """Bytes of bodies that may be held at once.

    Args:
        total: all together.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self.taken = 0

    def take(self, size: int) -> None:
        """Count bytes that are held from now on.

        Raises:
            Refusal: all of them are taken.
        """
        if self.taken + size > self._total:
            raise Refusal(
                429, "busy", f"expected pictures of {megabytes(self._total)} at once; try again"
            )
        self.taken += size

    def give_back(self, size: int) -> None:
        """Count them no longer."""
        self.taken -= size


@dataclass
class Service:
    """The one object behind all routes of a server process.

    Attributes:
        settings: it was started with.
        recognizers: for threads of films and live clients.
        readers: threads that read pictures.
        memory: for bodies of pictures.
        live_clients: connected now.
        films: being taken or read now: id -> what `cancel()` ends.
        connections: tells how many are open, of any kind.
        number: of this process among those that share the port.
        tell: passes the id of a film on to the process of a number; False if there is no such.
        stopping: set when the server ends.
        started_at: by the monotonic clock.
    """

    settings: WebSettings
    recognizers: Recognizers
    readers: Readers
    memory: Budget
    live_clients: int = 0
    films: dict[str, Any] = field(default_factory=dict)
    connections: Callable[[], int] = lambda: 0
    number: int = 0
    tell: Callable[[int, str], bool] = lambda number, id_: False
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    started_at: float = field(default_factory=time.monotonic)

    @classmethod
    def of(cls, settings: WebSettings) -> "Service":
        """Open the model, and start the threads.

        Raises:
            MienError: as `mien.Recognizer` raises.
        """
        recognizers = Recognizers(settings)
        memory = Budget(settings.limits.memory_bytes)
        return cls(settings, recognizers, Readers(recognizers), memory)

    @property
    def limits(self) -> Limits:
        """Of this process."""
        return self.settings.limits

    def health(self, *, camera: bool) -> dict[str, Any]:
        """What `GET /api/health` answers, ready for JSON."""
        limits = self.limits
        return {
            "status": "ok",
            "version": __version__,
            "model": self.settings.model_name,
            "uptime_s": round(time.monotonic() - self.started_at, 3),
            "live_clients": self.live_clients,
            "camera": camera,
            "limits": {
                "image_bytes": limits.image_bytes,
                "image_pixels": limits.image_pixels,
                "images": limits.images,
                "request_bytes": limits.request_bytes,
                "video_bytes": limits.video_bytes,
                "video_s": limits.video_s,
                "frame_bytes": limits.frame_bytes,
            },
        }

    def cancel_film(self, id_: str) -> bool:
        """End the reading of a film; False if there is none of that id.

        Of a film of another process nobody here knows whether it is there: that counts as True.
        """
        if id_ in self.films:
            self.films[id_].cancel()
            return True
        number = id_.partition("-")[0]
        return number.isdecimal() and int(number) != self.number and self.tell(int(number), id_)

    def stop(self) -> None:
        """End live clients and films; in the event loop."""
        self.stopping.set()
        for film in list(self.films.values()):
            film.cancel()
        self.readers.close()

    @property
    def is_idle(self) -> bool:
        """Whether there are no more live clients and films."""
        return not self.live_clients and not self.films
