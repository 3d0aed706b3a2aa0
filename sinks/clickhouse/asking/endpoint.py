"""Answers statements beside the sink: over a socket in chDB's folder, which one process can open.

Who may open the folder may ask; only this user can. Statements run on a connection of their own,
two at a time, so that they delay neither writes nor /status.
"""

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from runtime import logs
from sinks.clickhouse.asking.connection import Questions
from sinks.clickhouse.asking.statement import checked
from sinks.clickhouse.errors import StatementRefused, StoreUnavailable
from sinks.clickhouse.tables import ASKED

SOCKET_NAME = "query.sock"
_AT_ONCE = 2
_BODY_MAX = 200_000  # bytes
_log = logs.get(__name__)


Forget = Callable[[str], dict[str, int]]


def app(questions: Questions, forget: Forget) -> Starlette:
    """`POST /query` with `{"sql": …, "parameters": {…}}`; errors as `{"error": …}`.

    `POST /forget` with `{"aor": …}` deletes a user's rows, and answers with their number by table.
    """
    room = asyncio.Semaphore(_AT_ONCE)

    async def query(request: Request) -> Response:
        if int(request.headers.get("content-length") or 0) > _BODY_MAX:
            return JSONResponse({"error": f"longer than {_BODY_MAX} bytes"}, 413)
        try:
            asked = await request.json()
            sql, parameters = asked["sql"], asked.get("parameters") or {}
            statement = checked(sql, ASKED)
        except (ValueError, KeyError, TypeError, AttributeError):
            return JSONResponse({"error": "not an object with `sql` as a text"}, 400)
        except StatementRefused as error:
            return JSONResponse({"error": str(error)}, 400)
        if room.locked():
            return JSONResponse({"error": f"{_AT_ONCE} statements run already"}, 503)
        async with room:
            try:
                data = await run_in_threadpool(questions.ask, statement, parameters)
            except StoreUnavailable as error:
                return JSONResponse({"error": str(error)}, 422)
        return Response(data, media_type="application/json")

    async def erase(request: Request) -> Response:
        try:
            aor = str((await request.json())["aor"])
        except (ValueError, KeyError, TypeError):
            return JSONResponse({"error": "not an object with `aor`"}, 400)
        try:
            return JSONResponse(await run_in_threadpool(forget, aor))
        except StoreUnavailable as error:
            return JSONResponse({"error": str(error)}, 503)

    return Starlette(
        routes=[
            Route("/query", query, methods=["POST"]),
            Route("/forget", erase, methods=["POST"]),
        ]
    )


@contextmanager
def short_path(folder: Path) -> Iterator[str]:
    """The socket's path by way of an open folder: the kernel takes 107 bytes of path only."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{SOCKET_NAME}"
    finally:
        os.close(descriptor)


class Endpoint:
    """Listens from its creation on, in a thread of its own; `close` ends it."""

    def __init__(self, folder: Path, questions: Questions, forget: Forget) -> None:
        """Raises OSError."""
        self._path = folder / SOCKET_NAME
        self._path.unlink(missing_ok=True)  # of a killed sink: the folder's lock is this one's
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with short_path(folder) as path:
            listener.bind(path)
        self._path.chmod(0o600)
        listener.listen()  # who asks before the server runs waits, and does not think it dead
        self._server = uvicorn.Server(
            uvicorn.Config(
                app(questions, forget),
                loop="asyncio",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=1,
            )
        )
        self._thread = threading.Thread(
            target=self._server.run, args=([listener],), name="query", daemon=True
        )
        self._thread.start()
        _log.info("answering statements", socket=str(self._path))

    def close(self) -> None:
        """Answer nothing any more."""
        self._server.should_exit = True
        self._thread.join(5)
        with suppress(OSError):
            self._path.unlink()
