"""How a WebSocket comes in, with its subprotocol and as many at once as may be, and goes out."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import WebSocket, WebSocketDisconnect

from mien.web.guard import CLOSE_BUSY, CLOSE_POLICY, SUBPROTOCOL
from mien.web.service import Service


@asynccontextmanager
async def admitted(socket: WebSocket, service: Service) -> AsyncIterator[bool]:
    """Accept a live client, and count it until the body has ended.

    Args:
        socket: that asks.
        service: which counts.
    Yields:
        False where it may not come in: there are as many as may be, or its address says more than
            where it wants to go. The socket is then closed, with the reason.
    """
    name = SUBPROTOCOL if SUBPROTOCOL in socket.scope["subprotocols"] else None
    await socket.accept(subprotocol=name)
    if service.live_clients >= service.limits.live_clients:
        most = service.limits.live_clients
        await say_goodbye(socket, CLOSE_BUSY, f"expected at most {most} live clients at once")
        yield False
        return
    if socket.query_params:
        name = ascii(next(iter(socket.query_params))[:20])[:60]
        reason = f"expected no query parameters, as settings are messages; got {name}"
        await say_goodbye(socket, CLOSE_POLICY, reason)
        yield False
        return
    service.live_clients += 1
    try:
        yield True
    finally:
        service.live_clients -= 1


async def say_goodbye(socket: WebSocket, code: int, reason: str = "") -> None:
    """Close a client's socket; nothing if the client has gone.

    Args:
        socket: that was accepted.
        code: RFC 6455, 7.4.1.
        reason: for people, at most 123 bytes.
    """
    # A client can go between the last look and this; each way of it raises another of the two.
    with suppress(RuntimeError, WebSocketDisconnect):
        await socket.close(code, reason)
