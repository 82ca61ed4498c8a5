"""The desktop that a command runs on, if it runs on one."""

import os
import sys
import threading
from collections.abc import Callable


def has_screen() -> bool:
    """Whether there is a desktop to show something on."""
    if not sys.platform.startswith("linux"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def open_in_browser(address: str, failed: Callable[[], None] = lambda: None) -> None:
    """Open an address in the browser of the desktop.

    Args:
        address: of a page.
        failed: called where there is no desktop or no browser; perhaps later, in another thread.
    """
    import webbrowser

    def open_there() -> None:
        if not webbrowser.open(address):
            failed()

    if has_screen():  # else a browser in the terminal would take that over
        # Some browsers are waited for until they are closed.
        threading.Thread(target=open_there, daemon=True).start()
    else:
        failed()
