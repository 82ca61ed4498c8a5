"""How a WebSocket comes in: its subprotocol, and as many at once as the limits allow."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import WebSocket

from mien.web.guard import CLOSE_BUSY, SUBPROTOCOL
from mien.web.service import Service


@asynccontextmanager
async def admitted(socket: WebSocket, service: Service) -> AsyncIterator[bool]:
    """Accept a live client, and count it until the body has ended.

    Args:
        socket: that asks.
        service: which counts.
    Yields:
        False where there were as many as may be; the socket is then closed, with the reason.
    """
    name = SUBPROTOCOL if SUBPROTOCOL in socket.scope["subprotocols"] else None
    await socket.accept(subprotocol=name)
    if service.live_clients >= service.limits.live_clients:
        most = service.limits.live_clients
        await socket.close(CLOSE_BUSY, f"expected at most {most} live clients at once")
        yield False
        return
    service.live_clients += 1
    try:
        yield True
    finally:
        service.live_clients -= 1
