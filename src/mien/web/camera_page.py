"""The page in place of a window, beside a live view that goes on in the same process."""

import secrets
import threading
import time
from dataclasses import replace
from typing import Final

from mien.web.camera import CameraFeed
from mien.web.server import Server, listen, page_address
from mien.web.settings import WebSettings

_ENDING_S: Final = 1.0  # for pages to hear that the view has ended


class CameraPage(CameraFeed):
    """Shows frames on the page of `mien serve`, at an address that nobody can guess.

    `address` opens it in a browser, and all of the page works beside it. A token is made up even on
    this machine, as others who use it must not see the camera.

    Raises:
        OutputError: the port is taken.
        MienError: as `mien.Recognizer` raises.
    """

    def __init__(self, settings: WebSettings) -> None:
        super().__init__()
        settings = replace(settings, token=secrets.token_urlsafe(24))
        self._listening = listen(settings.host, settings.port)
        self.address = page_address(settings, self._listening.getsockname()[1])
        try:
            self._server = Server(settings, camera=self)
        except BaseException:
            self._listening.close()
            raise
        self._thread = threading.Thread(
            target=self._server.run, args=([self._listening],), name="mien page", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Take it away; pages that are open say so."""
        super().close()
        deadline = time.monotonic() + _ENDING_S
        while self.is_watched and time.monotonic() < deadline:
            time.sleep(0.02)
        self._server.should_exit = True
        self._thread.join()
        self._listening.close()
