"""How much the server takes from a client, and from all clients together."""

from dataclasses import dataclass, fields
from typing import Final

from mien.errors import OptionError

MB: Final = 1_000_000
"""Sizes are told in these, as disks and browsers do."""


@dataclass(frozen=True)
class Limits:
    """Bounds of one server process; beyond each a client gets an answer that names it.

    Attributes:
        image_bytes: of one picture.
        image_pixels: of one picture, when decoded; told by its header, before it is decoded.
        images: of one request.
        request_bytes: all pictures of one request together.
        memory_bytes: bodies of pictures that are held at once, all requests together.
        video_bytes: of a film, on the disk while it is read.
        video_pixels: of a frame of a film.
        video_s: length of a film.
        video_frames: of a film.
        videos: read at once.
        frame_bytes: one message of a live client.
        frame_pixels: of a frame of a live client.
        live_clients: at once.
        bad_frames: in a row, of a live client; after that it is sent away.
        requests: being answered at once; films and live clients are counted apart.
        connections: open at once.
        head_s: until the first request of a new connection is there.
        request_s: for a request, from its head until its answer is sent; not of films.
        upload_s: for a film to arrive.
        read_s: for a film to be read.
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
        for field in fields(self):
            if not (value := getattr(self, field.name)) > 0:
                raise OptionError(f"{field.name}: expected more than 0; got {value:g}")


def megabytes(size: int) -> str:
    """A size as people read it: "31 MB", or "0.2 MB"."""
    return f"{size / MB:.0f} MB" if size >= 10 * MB else f"{size / MB:.1f} MB"
