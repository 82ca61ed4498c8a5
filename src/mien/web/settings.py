"""What the server is started with."""

import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from mien.errors import OptionError
from mien.recognizer_settings import RecognizerSettings
from mien.web.limits import Limits

HOST: Final = "127.0.0.1"
PORT: Final = 8642

TOKEN_ENVIRONMENT: Final = "MIEN_TOKEN"
"""Of the environment: a token on the command line is seen by every user of the machine."""

MIN_TOKEN: Final = 8  # characters

_TOKEN: Final = re.compile(r"[A-Za-z0-9._~-]+")  # what stands in an address and in a subprotocol
_ORIGIN: Final = re.compile(
    r"(?!file:|http:.*:80$|https:.*:443$)"  # of which browsers name no origin, or no port
    r"[a-z][a-z0-9+.-]*://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d{1,5})?"
)


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
    def model_name(self) -> str:
        """The model as clients see it: without the folders that it lies in."""
        return ",".join(Path(part).name for part in self.model.split(","))


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine reach an address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
