"""A live view on a page of this computer's own, for where no window can be opened."""

import secrets
import threading
from collections.abc import Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from mien.errors import OutputError
from mien.images import Image
from mien.video.live_view import has_screen

HOST: Final = "127.0.0.1"  # nobody else's computer sees the camera

JPEG_QUALITY: Final = 85

_KEYS: Final = ("q", "s")
_BOUNDARY: Final = "mien-frame"
_PAUSE_S: Final = 0.5  # between looks at whether the view has ended

_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>mien</title>
<style>
body { margin: 0; background: #16181c; color: #e6e8eb; font: 15px/1.4 system-ui, sans-serif;
  display: flex; flex-direction: column; height: 100vh; }
img { flex: 1; min-height: 0; object-fit: contain; }
p { margin: 0; padding: .6rem 1rem; display: flex; gap: .6rem; align-items: center; }
button { font: inherit; padding: .3rem .9rem; border: 1px solid #4a4f59; border-radius: .4rem;
  background: #23262c; color: inherit; }
#said { margin-left: auto; color: #b0b5bd; }
</style></head>
<body><img src="view" alt="The live view: faces with their emotions">
<p><button data-key="s">Save a still (s)</button><button data-key="q">End (q)</button>
<span id="said" role="status"></span></p>
<script>
const said = document.getElementById("said");
async function press(key) {
  try { await fetch("key/" + key, { method: "POST" }); } catch { key = "q"; }
  said.textContent = key === "s" ? "saved at " + new Date().toLocaleTimeString() : "ended";
}
document.addEventListener("keydown", event => {
  if ((event.key === "q" || event.key === "s") && !event.ctrlKey && !event.metaKey)
    press(event.key);
});
for (const button of document.querySelectorAll("button"))
  button.addEventListener("click", () => press(button.dataset.key));
document.querySelector("img").addEventListener("error", () => { said.textContent = "ended"; });
</script></body></html>
"""


class LivePage:
    """Shows frames on a page that only this computer can open, under an address nobody can guess.

    It is a `mien.video.live_view.Viewer`; pictures go out as JPEG one after the other
    (multipart/x-mixed-replace), each the newest that there is.

    Args:
        port: of the page; 0 takes a free one.
    Attributes:
        address: to open in a browser.
    Raises:
        OutputError: the port is taken.
    """

    def __init__(self, port: int = 0) -> None:
        self._changed = threading.Condition()
        self._image: Image | None = None
        self._number = 0
        self._open = True
        self._pressed: list[str] = []
        self._token = secrets.token_urlsafe(12)
        try:
            self._server = ThreadingHTTPServer((HOST, port), self._handler())
        except (OSError, OverflowError) as error:
            raise OutputError(
                f"port {port}: no page can be shown there; {getattr(error, 'strerror', error)}"
            ) from error
        self._server.daemon_threads = True
        self.address = f"http://{HOST}:{self._server.server_address[1]}/{self._token}/"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_PAUSE_S / 5,), name="mien page", daemon=True
        )
        self._thread.start()

    def show(self, image: Image) -> None:
        """Show a picture, (H, W, 3) uint8 RGB."""
        with self._changed:
            self._image = image
            self._number += 1
            self._changed.notify_all()

    def pressed(self) -> Sequence[str]:
        """The keys since it was asked last."""
        with self._changed:
            keys, self._pressed = self._pressed, []
        return keys

    def close(self) -> None:
        """Take it away; pages that are open say so."""
        with self._changed:
            self._open = False
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def press(self, key: str) -> None:
        """Take a key as pressed."""
        with self._changed:
            self._pressed.append(key)

    def newest(self, after: int) -> tuple[int, Image] | None:
        """Wait for a picture with a number above `after`; None when the view has ended."""
        with self._changed:
            self._changed.wait_for(lambda: not self._open or self._number > after)
            if not self._open or self._image is None:
                return None
            return self._number, self._image

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        page, root = self, f"/{self._token}/"

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == root:
                    self._answer(_PAGE.encode(), "text/html; charset=utf-8")
                elif self.path == f"{root}view":
                    self._stream()
                else:
                    self.send_error(HTTPStatus.NOT_FOUND)

            def do_POST(self) -> None:
                key = self.path.removeprefix(f"{root}key/")
                if key not in _KEYS:
                    self.send_error(HTTPStatus.NOT_FOUND)
                    return
                page.press(key)
                self._answer(b"", "text/plain")

            def _answer(self, content: bytes, kind: str) -> None:
                self.send_response(HTTPStatus.OK)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.send_header("Cache-Control", "no-store")
                self.send_header("Referrer-Policy", "no-referrer")
                self.end_headers()
                self.wfile.write(content)

            def _stream(self) -> None:
                self.send_response(HTTPStatus.OK)
                self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
                self.send_header("Cache-Control", "no-store")
                self.end_headers()
                number = 0
                try:
                    while (found := page.newest(number)) is not None:
                        number, image = found
                        content = _to_jpeg(image)
                        head = (
                            f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\n"
                            f"Content-Length: {len(content)}\r\n\r\n"
                        )
                        self.wfile.write(head.encode() + content + b"\r\n")
                except ConnectionError:  # the page was closed
                    self.close_connection = True

            def log_message(self, *message: Any) -> None:
                pass

        return Handler


def _to_jpeg(image: Image) -> bytes:
    import cv2

    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, content = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return bytes(content)


def open_in_browser(address: str) -> None:
    """Open an address in the browser of the desktop; nothing where there is no desktop."""
    import webbrowser

    if has_screen():  # else a browser in the terminal would take that over
        # Some browsers are waited for until they are closed.
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
