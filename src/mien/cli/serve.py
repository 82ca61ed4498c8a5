"""`mien serve`."""

from dataclasses import asdict, dataclass
from typing import Annotated

from typer import Option

from mien.cli.options import RecognizerOptions
from mien.cli.shared import ThreadsOption, say
from mien.errors import needs_extra
from mien.web.settings import HOST, MB, PORT, Limits, WebSettings, is_loopback


@dataclass(frozen=True)
class ListeningOptions:
    """Where the server listens, and whom it serves."""

    host: Annotated[str, "Address to listen on; one that other computers reach needs a token."] = (
        HOST
    )
    port: Annotated[int, "0 takes a free one."] = PORT
    token: Annotated[
        str | None,
        Option(
            envvar="MIEN_TOKEN",
            show_envvar=False,
            help="That clients must know; better in the environment as MIEN_TOKEN, where others do "
            "not see it. Made up where others can reach the address and none is given: only then "
            "is it printed.",
        ),
    ] = None
    allow_host: Annotated[
        list[str] | None, "A name under which browsers may ask for the server."
    ] = None
    allow_origin: Annotated[
        list[str] | None,
        "Whose pages may use the API, too, such as https://app.example.org; can be repeated.",
    ] = None
    workers: Annotated[int, "Processes that share the port; limits are of each."] = 1


@dataclass(frozen=True)
class LimitOptions:
    """What clients may ask for."""

    max_image_mb: Annotated[float, "Size of an image; of a request five times it."] = 20.0
    max_video_mb: Annotated[float, "Size of a video, on the disk while it is read."] = 1000.0
    max_video_minutes: Annotated[float, "Length of a video."] = 180.0
    max_videos: Annotated[int, "Videos that are read at once."] = 2
    max_live: Annotated[int, "Cameras that are read at once."] = 16

    def limits(self) -> Limits:
        """What the library takes."""
        return Limits(
            image_bytes=round(self.max_image_mb * MB),
            request_bytes=round(5 * self.max_image_mb * MB),
            video_bytes=round(self.max_video_mb * MB),
            video_s=60 * self.max_video_minutes,
            videos=self.max_videos,
            live_clients=self.max_live,
        )


def serve(
    *,
    listening: ListeningOptions,
    browser: Annotated[
        bool, Option("--browser/--no-browser", help="Open the page on this desktop.")
    ] = True,
    recognizer: RecognizerOptions,
    threads: ThreadsOption = 1,
    most: LimitOptions,
) -> None:
    """Serve a page for photos, videos and the webcam, and the same as an API; Ctrl-C ends it.

    Example: mien serve

    Example: MIEN_TOKEN=$(cat token) mien serve --host 0.0.0.0 --no-browser --workers 4

    Everything stays on this machine, and nothing is kept. The API is described by /openapi.json.
    """
    import secrets

    with needs_extra("web", "the page"):
        from mien.web.server import serve as run
    from mien.desktop import open_in_browser

    host, token = listening.host, listening.token
    made_up = token is None and not is_loopback(host)
    settings = WebSettings(
        **asdict(recognizer.settings()),
        threads=threads,
        host=host,
        port=listening.port,
        token=secrets.token_urlsafe(24) if made_up else token,
        allow_hosts=tuple(listening.allow_host or ()),
        allow_origins=tuple(listening.allow_origin or ()),
        workers=listening.workers,
        limits=most.limits(),
    )

    def ready(address: str) -> None:
        if token is not None:  # a secret of the user's, which logs and other users must not see
            address = address.partition("#")[0]
        print(address, flush=True)
        if token is not None:
            say("the page asks for the token that it was started with")
        if host in ("0.0.0.0", "::"):
            say("other computers reach it by this one's address, or by a name in --allow-host")
        say("Ctrl-C ends it")
        if browser:
            open_in_browser(
                address, lambda: say("no browser can be opened here; open that address in one")
            )

    run(settings, ready=ready)
