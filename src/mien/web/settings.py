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
        workers: processes that share the port.
        limits: of each process.
    Raises:
        OptionError: a value is out of its range, or a token is missing.
    """

    threads: int = 1
    host: str = HOST
    port: int = PORT
    token: str | None = None
    allow_hosts: tuple[str, ...] = ()
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
