"""Images that are named pipes: whoever reads one waits, and can be killed in the middle."""

import os
import signal
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

LIMIT_S = 150.0
"""For anything that is waited for, on a busy machine."""


def wait_until(true: Callable[[], Any], what: str) -> None:
    end = time.monotonic() + LIMIT_S
    while not true():
        assert time.monotonic() < end, f"waited {LIMIT_S} s for {what}"
        time.sleep(0.02)


class Pipe:
    """An image that is not there before `feed`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)
        self._end: int | None = None  # while it is held open, a reader waits

    def is_read(self) -> bool:
        """Whether a process reads it; from then on that waits for what comes."""
        if self._end is None:
            try:
                self._end = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:  # nobody has the other end
                return False
        return bool(self.readers())

    def readers(self) -> list[int]:
        """The processes that read it."""
        found = []
        for link in Path("/proc").glob("[0-9]*/fd/*"):
            pid = int(link.parts[2])
            try:
                if link.readlink() == self.path and link.lstat().st_mode & stat.S_IRUSR:
                    found.append(pid)
            except OSError:
                continue
        return found

    def release(self) -> None:
        """Let go of it, after its readers have died; others may wait for it anew."""
        wait_until(lambda: not self.readers(), f"the end of the readers of {self.path}")
        if self._end is not None:
            os.close(self._end)
            self._end = None

    def feed(self, content: bytes) -> None:
        """Give its reader, who may still have to come, the image."""
        wait_until(self.is_read, f"a reader of {self.path}")
        assert self._end is not None
        os.write(self._end, content)
        os.close(self._end)
        self._end = None

    def replace(self, content: bytes) -> None:
        """Put an ordinary file in its place."""
        self.path.unlink()
        self.path.write_bytes(content)


class Killer(threading.Thread):
    """Kills processes that read a pipe, while the body of `with` runs.

    Args:
        pipe: that they read.
        times: how many to kill.
        feed: the image for the next one; None where nobody reads any more.
    """

    def __init__(self, pipe: Pipe, times: int, feed: bytes | None = None) -> None:
        super().__init__(daemon=True)
        self.pipe, self.times, self.content = pipe, times, feed
        self.killed: set[int] = set()

    def run(self) -> None:
        # The pipe is held open meanwhile: the next reader may be there before the last one is gone.
        for _ in range(self.times):
            wait_until(lambda: self.pipe.is_read() and self._alive(), "a reader")
            (pid,) = self._alive()
            os.kill(pid, signal.SIGKILL)
            self.killed.add(pid)
        if self.content is None:
            self.pipe.release()
        else:
            wait_until(self._alive, "the last reader")
            self.pipe.feed(self.content)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.join(LIMIT_S)

    def _alive(self) -> set[int]:
        return set(self.pipe.readers()) - self.killed
