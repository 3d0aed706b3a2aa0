"""The stage `reference-user-center`: a small real user center, for the demo and the tests."""

import socket
import threading

import uvicorn

from local.reference_user_center.app import app
from local.reference_user_center.settings import ReferenceUserCenterSettings
from local.reference_user_center.store import Store
from runtime import logs
from runtime.settings import load
from runtime.stage import Stage

log = logs.get(__name__)

NAME = "reference-user-center"


def run() -> None:
    """Run the stage until it is stopped.

    Raises BadSettings, OSError when the port is taken, and sqlalchemy's errors when the database
    cannot be opened.
    """
    settings = load(ReferenceUserCenterSettings)
    stage = Stage(NAME)
    stage.start()
    store = Store(settings.url())
    try:
        _serve(settings, store, stage)
    finally:
        store.close()


def _serve(settings: ReferenceUserCenterSettings, store: Store, stage: Stage) -> None:
    listener = _listen(settings.host, settings.port)
    host, port = listener.getsockname()[:2]
    application = app(
        store,
        settings.secret.get_secret_value(),
        body_max_bytes=settings.body_max_bytes,
        events_max=settings.events_max,
        token=settings.token.get_secret_value() if settings.token else None,
    )
    server = uvicorn.Server(
        uvicorn.Config(application, log_config=None, access_log=False, timeout_graceful_shutdown=5)
    )
    stage.status = lambda: {"url": f"http://{host}:{port}", "database": settings.database()}
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listener]}, name="user-center", daemon=True
    )
    thread.start()
    log.info("listening", host=host, port=port)
    # Connections queue in the listener from now on, so the service is reachable.
    stage.ready.set()
    while not stage.stop.wait(0.5):
        if not thread.is_alive():
            raise RuntimeError("the HTTP server ended by itself")
    stage.ready.clear()
    server.should_exit = True
    thread.join(10)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio turns Nagle's algorithm off for what it accepts: answers go
    # out in two writes, and the second would wait 40 ms for the sender's delayed ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(512)
    except OSError:
        listener.close()
        raise
    return listener
