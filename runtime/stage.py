"""What all long-running stages share: logging, metrics, health over HTTP, stop signals."""

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeVar

import uvicorn
from opentelemetry import metrics as otel_metrics
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from runtime import logs
from runtime.connection_guard import ConnectionGuard, ConnectionLimits
from runtime.guarded_http import end_late_request, guarded
from runtime.heartbeat import Heartbeat
from runtime.kafka import KafkaUnavailable
from runtime.masking import masked_values
from runtime.settings import BadSettings

# Probes and scrapers are few, and ask at once. These are much fewer than files a process may open.
_HTTP_LIMITS = ConnectionLimits(
    total=256,
    pending=64,
    per_address=256,
    request_seconds=5.0,
    stalled_seconds=30.0,
    buffered_bytes=64 * 1024 * 1024,
)
StatusReport = Callable[[], dict[str, Any]]
T = TypeVar("T")
log = logs.get(__name__)


class StageStopped(Exception):
    """The stage was stopped while it waited. A restart does what was not done."""


@dataclass
class Stage:
    """A running stage. `status` is served as JSON; `ready` decides the readiness probe."""

    name: str
    stop: threading.Event = field(default_factory=threading.Event)
    ready: threading.Event = field(default_factory=threading.Event)
    status: StatusReport = dict
    # What /metrics serves, in Prometheus' text format.
    report_metrics: Callable[[], bytes] = generate_latest
    # Each returns a reason why the stage is not ready though `ready` is set, or None.
    hindrances: list[Callable[[], str | None]] = field(default_factory=list)
    # Each returns a reason why the stage must be restarted, or None.
    stuck_checks: list[Callable[[], str | None]] = field(default_factory=list)
    # Of the main loop: one that is stuck fails the liveness probe, and the process is restarted.
    heartbeat: Heartbeat = field(default_factory=Heartbeat)
    # Called from the signal handler, beside setting `stop`; must be safe there.
    on_stop: Callable[[], None] | None = None

    def start(self, http_port: int | None = None, listener: socket.socket | None = None) -> None:
        """Configure logging and metrics, serve HTTP (ROLLCALL_HTTP_PORT; 0 or unset: none).

        `listener` is a bound socket to serve HTTP on instead. Routes: /healthz, /readyz, /status,
        /metrics. Call in the main thread, once. Raises BadSettings when the port is not valid, or
        taken.
        """
        logs.configure(self.name)
        _start_metrics(self.name)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle_signal)
        if listener is None:
            port = http_port if http_port is not None else _port()
            host = os.environ.get("ROLLCALL_HTTP_HOST", "127.0.0.1")
            listener = _listen(host, port) if port else None
        if listener is not None:
            self._serve(listener)

    def wait_for_kafka(self, connect: Callable[[], T], pause: float = 1.0) -> T:
        """What `connect` returns, called again every `pause` seconds while it raises
        KafkaUnavailable.

        Raises StageStopped when `stop` is set before, and whatever else `connect` raises.
        """
        while not self.stop.is_set():
            try:
                return connect()
            except KafkaUnavailable as error:
                log.warning("waiting for Kafka", error=str(error))
                self.stop.wait(pause)
        raise StageStopped("stopped while waiting for Kafka")

    def _handle_signal(self, number: int, frame: object) -> None:
        del number, frame
        self.stop.set()
        if self.on_stop:
            self.on_stop()

    @staticmethod
    def exit() -> NoReturn:
        """End the process now, with status 0. The interpreter would first free a million users'
        objects one by one, which only delays the restart."""
        provider = otel_metrics.get_meter_provider()
        if isinstance(provider, MeterProvider):
            provider.shutdown()
        logging.shutdown()
        os._exit(0)

    def app(self) -> Starlette:
        """The ASGI application: health, readiness, status and metrics."""

        def healthz(request: Request) -> Response:
            del request
            checks = (self.heartbeat.stuck, *self.stuck_checks)
            stuck = next((reason for check in checks if (reason := check())), None)
            if stuck:
                return JSONResponse({"stage": self.name, "stuck": stuck}, status_code=503)
            return JSONResponse({"stage": self.name})

        def readyz(request: Request) -> Response:
            del request
            reasons = [reason for hindrance in self.hindrances if (reason := hindrance())]
            ready = self.ready.is_set() and not reasons
            found = {"ready": ready, "reasons": reasons} if reasons else {"ready": ready}
            return JSONResponse(masked_values(found), status_code=200 if ready else 503)

        def status(request: Request) -> Response:
            del request
            return JSONResponse(masked_values(self.status()))

        def metrics(request: Request) -> Response:
            del request
            return Response(self.report_metrics(), media_type=CONTENT_TYPE_LATEST)

        return Starlette(
            routes=[
                Route("/healthz", healthz),
                Route("/readyz", readyz),
                Route("/status", status),
                Route("/metrics", metrics),
            ]
        )

    def _serve(self, listener: socket.socket) -> None:
        # No WebSockets here: importing their library would delay every stage's restart.
        config = uvicorn.Config(
            self.app(),
            log_config=None,
            access_log=False,
            http=guarded(ConnectionGuard(_HTTP_LIMITS, timed_out=end_late_request)),
            ws="none",
            # The thread outlives the interpreter, into which uvloop's timers would call: SIGSEGV.
            loop="asyncio",
            # asyncio accepts so many before it reads: more would push out one that has asked.
            backlog=_HTTP_LIMITS.pending,
        )
        threading.Thread(
            target=uvicorn.Server(config).run,
            args=([listener],),
            name="http",
            daemon=True,
        ).start()


def _port() -> int:
    text = os.environ.get("ROLLCALL_HTTP_PORT", "0")
    if not text.isascii() or not text.isdigit() or len(text) > 5 or int(text) > 65535:
        raise BadSettings(f"ROLLCALL_HTTP_PORT={text[:80]!r} is no port number")
    return int(text)


def _listen(host: str, port: int) -> socket.socket:
    """Bound before the thread starts: a stage without its probes must not seem to run."""
    try:
        return socket.create_server((host, port), reuse_port=False)
    except OSError as error:
        raise BadSettings(f"ROLLCALL_HTTP_PORT={port} on {host}: {error}") from error


def _start_metrics(stage: str) -> None:
    readers: list[MetricReader] = [PrometheusMetricReader()]
    if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        # Imported here: it is a sixth of a stage's import time.
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

        readers.append(PeriodicExportingMetricReader(OTLPMetricExporter()))
    resource = Resource.create({"service.name": f"rollcall-{stage}"})
    otel_metrics.set_meter_provider(MeterProvider(metric_readers=readers, resource=resource))
