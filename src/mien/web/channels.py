"""From a thread to the event loop, with room for a few items: whoever is slow slows the other."""

import asyncio
import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Channel(Generic[T]):
    """Takes items from one thread and gives them to one coroutine.

    The thread waits where `room` items have not been taken yet, so that memory does not grow with
    a client that does not read.

    Args:
        room: items that wait at most.
    """

    def __init__(self, room: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._items: asyncio.Queue[T] = asyncio.Queue()
        self._room = room
        self._waiting = 0
        self._closed = False
        self._changed = threading.Condition()

    def put(self, item: T) -> bool:
        """Leave an item, in the thread; False when nobody wants it any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._waiting < self._room)
            if self._closed:
                return False
            self._waiting += 1
        try:
            self._loop.call_soon_threadsafe(self._items.put_nowait, item)
        except RuntimeError:  # the loop has ended
            return False
        return True

    async def get(self) -> T:
        """Wait for the next item, in the loop."""
        item = await self._items.get()
        with self._changed:
            self._waiting -= 1
            self._changed.notify_all()
        return item

    def close(self) -> None:
        """No more items are wanted."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
