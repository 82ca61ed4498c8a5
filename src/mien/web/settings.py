"""What the server is started with, and how much it takes from a client and from all together."""

import re
from dataclasses import dataclass, field, fields
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from mien.errors import OptionError, check_count
from mien.output.files import as_text
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
    """Bounds of one server process, above 0; beyond each a client gets an answer that names it."""

    image_bytes: int = 20 * MB  # of one image
    image_pixels: int = 50_000_000  # of one image, told by its header, before it is decoded
    images: int = 32  # of one request
    request_bytes: int = 100 * MB  # all images of one request together
    memory_bytes: int = 400 * MB  # bodies of images that are held at once, of all requests
    video_bytes: int = 1000 * MB  # of a video, on the disk while it is read
    video_pixels: int = 4096 * 2304  # of a frame of a video
    video_s: float = 3 * 3600.0  # length of a video
    video_frames: int = 1_000_000
    videos: int = 2  # read at once
    frame_bytes: int = 2 * MB  # one message of a live client
    frame_pixels: int = 4096 * 2304  # of a frame of a live client
    live_clients: int = 16
    bad_frames: int = 30  # in a row; after that a live client is sent away
    requests: int = 128  # being answered at once; videos and live clients are counted apart
    connections: int = 512
    head_s: float = 20.0  # until the first request of a new connection is there
    request_s: float = 60.0  # from the head of a request until its answer is sent; not of videos
    upload_s: float = 1800.0  # for a video to arrive
    read_s: float = 4 * 3600.0  # for a video to be read
    stall_s: float = 20.0  # for a client to take what it was sent

    def __post_init__(self) -> None:
        for limit in fields(self):
            if not (value := getattr(self, limit.name)) > 0:
                raise OptionError(f"expected more than 0; got {value:g}", argument=limit.name)


@dataclass(frozen=True, kw_only=True)
class WebSettings(RecognizerSettings):
    """How the server reads, where it listens, and whom it serves; OptionError where it cannot be.

    The threshold is for clients that give none.
    """

    threads: int = 1  # of the network
    host: str = HOST  # an address of this machine, or a name of one
    port: int = PORT  # 0 takes a free one
    token: str | None = field(default=None, repr=False)  # None only on loopback addresses
    allow_hosts: tuple[str, ...] = ()  # names under which browsers may ask, beside the addresses
    allow_origins: tuple[str, ...] = ()  # of pages that may use the API, as browsers name them
    workers: int = 1  # processes that share the port
    limits: Limits = field(default_factory=Limits)  # of each process

    def __post_init__(self) -> None:
        check_count("port", self.port, 0, 65535)
        check_count("workers", self.workers, 1)
        for name in self.allow_hosts:
            if not re.fullmatch(r"[A-Za-z0-9.-]+", name):
                raise OptionError(
                    f"expected the name of a host, without port or scheme; got {name!r}",
                    argument="allow_hosts",
                )
        for origin in self.allow_origins:
            if not _ORIGIN.fullmatch(origin):
                raise OptionError(
                    "expected an origin as browsers name it, such as "
                    "https://app.example.org or http://localhost:3000: small letters, no path, no "
                    f"port that is the scheme's own; got {origin[:100]!r}",
                    argument="allow_origins",
                )
        if self.token is None:
            if not is_loopback(self.host):
                raise OptionError(f"expected a token, as {self.host} can be reached by others")
        elif len(self.token) < MIN_TOKEN or not _TOKEN.fullmatch(self.token):
            raise OptionError(
                f"expected {MIN_TOKEN} or more letters, digits and . _ ~ -; "
                f"got {len(self.token)} characters",
                argument="token",
            )

    @property
    def is_plain(self) -> bool:
        """Whether it reads as the page does in a browser: the shipped model, no other search."""
        plain = RecognizerSettings(threshold=self.threshold, movements=self.movements)
        return all(getattr(self, one.name) == getattr(plain, one.name) for one in fields(plain))

    @property
    def model_name(self) -> str:
        """The model as clients see it: without the folders that it lies in."""
        return as_text(",".join(Path(part).name for part in self.model.split(",")))


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine reach an address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def megabytes(size: int) -> str:
    """A size as people read it: "31 MB", or "0.2 MB"."""
    return f"{size / MB:.0f} MB" if size >= 10 * MB else f"{size / MB:.1f} MB"
