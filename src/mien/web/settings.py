"""What the server is started with, and how much it takes from a client and from all together."""

import re
from dataclasses import dataclass, field, fields
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from mien.errors import OptionError
from mien.recognize.settings import RecognizerSettings

HOST: Final = "127.0.0.1"
PORT: Final = 8642

MB: Final = 1_000_000
"""Sizes are told in these, as disks and browsers do."""

MIN_TOKEN: Final = 8  # characters

_TOKEN: Final = re.compile(r"[A-Za-z0-9._~-]+")  # what stands in an address and in a subprotocol
_ORIGIN: Final = re.compile(
    r"(?!file:|http:.*:80$|https:.*:443$)"  # of which browsers name no origin, or no port
    r"[a-z][a-z0-9+.-]*://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d{1,5})?"
)


@dataclass(frozen=True)
class Limits:
    """Bounds of one server process; beyond each a client gets an answer that names it.

    Attributes:
        image_bytes: of one image.
        image_pixels: of one image, when decoded; told by its header, before it is decoded.
        images: of one request.
        request_bytes: all images of one request together.
        memory_bytes: bodies of images that are held at once, all requests together.
        video_bytes: of a video, on the disk while it is read.
        video_pixels: of a frame of a video.
        video_s: length of a video.
        video_frames: of a video.
        videos: read at once.
        frame_bytes: one message of a live client.
        frame_pixels: of a frame of a live client.
        live_clients: at once.
        bad_frames: in a row, of a live client; after that it is sent away.
        requests: being answered at once; videos and live clients are counted apart.
        connections: open at once.
        head_s: until the first request of a new connection is there.
        request_s: for a request, from its head until its answer is sent; not of videos.
        upload_s: for a video to arrive.
        read_s: for a video to be read.
        stall_s: for a client to take what it was sent.
    Raises:
        OptionError: one of them is not above zero.
    """

    image_bytes: int = 20 * MB
    image_pixels: int = 50_000_000
    images: int = 32
    request_bytes: int = 100 * MB
    memory_bytes: int = 400 * MB
    video_bytes: int = 1000 * MB
    video_pixels: int = 4096 * 2304
    video_s: float = 3 * 3600.0
    video_frames: int = 1_000_000
    videos: int = 2
    frame_bytes: int = 2 * MB
    frame_pixels: int = 4096 * 2304
    live_clients: int = 16
    bad_frames: int = 30
    requests: int = 128
    connections: int = 512
    head_s: float = 20.0
    request_s: float = 60.0
    upload_s: float = 1800.0
    read_s: float = 4 * 3600.0
    stall_s: float = 20.0

    def __post_init__(self) -> None:
        for limit in fields(self):
            if not (value := getattr(self, limit.name)) > 0:
                raise OptionError(f"{limit.name}: expected more than 0; got {value:g}")


@dataclass(frozen=True, kw_only=True)
class WebSettings(RecognizerSettings):
    """How the server reads, where it listens, and whom it serves.

    The threshold is for clients that give none.

    Attributes:
        threads: of the network.
        host: an address of this machine, or a name of one.
        port: 0 takes a free one.
        token: that clients must know; None asks for none, which only loopback addresses may.
        allow_hosts: names, beside the machine's addresses, under which browsers may ask for it.
        allow_origins: whose pages, beside the server's own, may use the API, as browsers name
            them: scheme, host, and the port unless it is the scheme's own.
        workers: processes that share the port.
        limits: of each process.
    Raises:
        OptionError: a value is out of its range, or a token is missing.
    """

    threads: int = 1
    host: str = HOST
    port: int = PORT
    token: str | None = field(default=None, repr=False)
    allow_hosts: tuple[str, ...] = ()
    allow_origins: tuple[str, ...] = ()
    workers: int = 1
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise OptionError(f"port: expected 0 to 65535; got {self.port}")
        if self.workers < 1:
            raise OptionError(f"workers: expected 1 or more; got {self.workers}")
        for name in self.allow_hosts:
            if not re.fullmatch(r"[A-Za-z0-9.-]+", name):
                raise OptionError(
                    "allow_hosts: expected the name of a host, without port or scheme; "
                    f"got {name!r}"
                )
        for origin in self.allow_origins:
            if not _ORIGIN.fullmatch(origin):
                raise OptionError(
                    "allow_origins: expected an origin as browsers name it, such as "
                    "https://app.example.org or http://localhost:3000: small letters, no path, no "
                    f"port that is the scheme's own; got {origin[:100]!r}"
                )
        if self.token is None:
            if not is_loopback(self.host):
                raise OptionError(f"expected a token, as {self.host} can be reached by others")
        elif len(self.token) < MIN_TOKEN or not _TOKEN.fullmatch(self.token):
            raise OptionError(
                f"token: expected {MIN_TOKEN} or more letters, digits and . _ ~ -; "
                f"got {len(self.token)} characters"
            )

    @property
    def is_plain(self) -> bool:
        """Whether it reads as the page does in a browser: the shipped model, no other search."""
        plain = RecognizerSettings(threshold=self.threshold, movements=self.movements)
        return all(getattr(self, one.name) == getattr(plain, one.name) for one in fields(plain))

    @property
    def model_name(self) -> str:
        """The model as clients see it: without the folders that it lies in."""
        return ",".join(Path(part).name for part in self.model.split(","))


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine reach an address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def megabytes(size: int) -> str:
    """A size as people read it: "31 MB", or "0.2 MB"."""
    return f"{size / MB:.0f} MB" if size >= 10 * MB else f"{size / MB:.1f} MB"
