"""Logging of every stage: one line an event, JSON for machines or columns for people."""

import logging
import os
import sys

import structlog

from runtime.log_limits import BoundedLog
from runtime.masking import mask_event
from runtime.settings import BadSettings

# Loggers to which anybody who reaches a port can make a library write.
STRANGERS_LOGGERS = ("uvicorn.error", "asyncio")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def configure(stage: str, default_level: str = "INFO") -> None:
    """Set up structlog and the standard library's loggers on stderr.

    JSON unless stderr is a terminal; level by ROLLCALL_LOG_LEVEL, else `default_level`.
    Raises BadSettings where that is no level.
    """
    level = (os.environ.get("ROLLCALL_LOG_LEVEL") or default_level).upper()
    if level not in LEVELS:
        raise BadSettings(f"ROLLCALL_LOG_LEVEL={level!r} is no level: one of {', '.join(LEVELS)}")
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        mask_event,
    ]
    renderer: structlog.types.Processor = (
        structlog.dev.ConsoleRenderer()
        if sys.stderr.isatty()
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for chatty in ("uvicorn", "httpx", "faust", "mode", "aiokafka"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))
    for bounded in STRANGERS_LOGGERS:
        named = logging.getLogger(bounded)
        if not any(isinstance(one, BoundedLog) for one in named.filters):
            named.addFilter(BoundedLog())
    structlog.contextvars.bind_contextvars(stage=stage)


def add_to_all(**fields: object) -> None:
    """Add fields to every line that this thread and its asyncio tasks log from now on."""
    structlog.contextvars.bind_contextvars(**fields)


def get(name: str) -> structlog.stdlib.BoundLogger:
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return logger
