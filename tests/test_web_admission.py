"""How live clients come in and go out."""

import asyncio
from typing import Any

import pytest
from fastapi import WebSocket

from mien.web.security import say_goodbye


@pytest.mark.parametrize("gone", [OSError("the client has gone"), RuntimeError("closed already")])
def test_a_goodbye_to_a_client_that_has_gone_is_no_error(gone: Exception) -> None:
    """Its connection can break at any moment, so after the last look at it, too."""
    sent: list[str] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message["type"])
        if message["type"] == "websocket.close":
            raise gone

    async def talk() -> None:
        socket = WebSocket({"type": "websocket"}, receive, send)
        await socket.accept()
        await say_goodbye(socket, 1000, "the view has ended")

    asyncio.run(talk())
    assert sent == ["websocket.accept", "websocket.close"]
