"""ClickHouse, embedded or by URL: connecting, statements, inserts, and its errors by name."""

import errno
import logging
import os
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import clickhouse_connect
import msgspec
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from runtime.private_folders import make_private_folder
from sinks.clickhouse.cluster import everywhere
from sinks.clickhouse.errors import StoreMisconfigured, StoreUnavailable
from sinks.clickhouse.settings import ClickHouseSettings, User

_encoder = msgspec.json.Encoder()
# One insert is one block, written when the call returns; times are ISO 8601. A block may have rows
# of any number of days: a node whose clock is wrong has to delay nobody. Repeats within a block are
# left to merges and to FINAL, as repeats of two blocks are: to look for them took half the time.
_INSERT = {
    "date_time_input_format": "best_effort",
    "async_insert": 0,
    "max_partitions_per_insert_block": 0,
    "optimize_on_insert": 0,
}
_ACTIVE_ONLY = {"distributed_ddl_output_mode": "throw_only_active"}
# A folder that stays as it is until somebody changes it; a full disk may be freed meanwhile.
_FOLDER_ERRORS = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENOENT}
)
_FREE_MIN_BYTES = 16 * 2**20
# UNKNOWN_USER, WRONG_PASSWORD, ACCESS_DENIED, AUTHENTICATION_FAILED: no waiting helps.
_REFUSALS = frozenset({192, 193, 497, 516})
# They log each failure before raising it, at length; the retries log it in one line.
for _noisy in ("clickhouse_connect", "urllib3"):
    logging.getLogger(_noisy).setLevel(logging.CRITICAL)


class Database:
    """One connection to write and one to read, so that no query delays a write. Thread-safe."""

    def __init__(self, settings: ClickHouseSettings) -> None:
        """Connect, and create the database if it is missing.

        Raises StoreUnavailable, StoreMisconfigured.
        """
        self._settings = settings
        try:
            with connect(settings, None) as client:
                client.command(
                    everywhere(
                        f"CREATE DATABASE IF NOT EXISTS {settings.database}", settings.replicas
                    )
                )
            self._client = connect(settings, settings.database)
            self._reader = connect(settings, settings.database)
        except (ClickHouseError, OSError) as error:
            raise translate(error, settings) from error

    def command(self, sql: str) -> None:
        """Run a statement without a result. Raises StoreUnavailable, StoreMisconfigured."""
        try:
            self._client.command(sql)
        except (ClickHouseError, OSError) as error:
            raise translate(error, self._settings) from error

    def define(self, sql: str) -> None:
        """Make, change or drop tables and views, on all servers of a cluster.

        Raises as `command`, which runs a statement on this server.
        """
        self.command(everywhere(sql, self._settings.replicas))

    def query(
        self, sql: str, parameters: dict[str, Any] | None = None, seconds: int | None = None
    ) -> list[tuple[Any, ...]]:
        """The rows of a SELECT that may run for `seconds`. Raises as `command`."""
        limits = {"max_execution_time": seconds} if seconds else None
        try:
            result = self._reader.query(sql, parameters=parameters, settings=limits)
        except (ClickHouseError, OSError) as error:
            raise translate(error, self._settings) from error
        return [tuple(row) for row in result.result_rows]

    def insert(self, table: str, rows: Sequence[msgspec.Struct]) -> None:
        """Write rows; all are stored when it returns, any may be when it raises (as `command`)."""
        block = _encoder.encode_lines(rows)
        settings = _INSERT | self._of_replicas()
        try:
            self._client.raw_insert(table, insert_block=block, fmt="JSONEachRow", settings=settings)
        except (ClickHouseError, OSError) as error:
            raise translate(error, self._settings) from error

    def _of_replicas(self) -> dict[str, Any]:
        """A block is stored by most replicas before the position after it is.

        Its token is like no other's: a replica that takes a block for a repeat does not show it
        to materialized views, and the first time may have ended before they had it.
        """
        if self._settings.replicas is None:
            return {}
        return {
            "insert_quorum": self._settings.insert_quorum,
            "insert_deduplication_token": secrets.token_hex(),
        }

    def close(self) -> None:
        self._client.close()
        self._reader.close()

    def __enter__(self) -> "Database":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def connect(settings: ClickHouseSettings, database: str | None, user: User | None = None) -> Client:
    """A connection; on a server as `user`, by default who stores. Raises as the driver does."""
    if settings.url is None:
        _prepare(settings.folder)
        return clickhouse_connect.get_client(
            interface="chdb", path=str(settings.folder), database=database
        )
    url, (name, password) = urlsplit(settings.url), user or settings.writer
    return clickhouse_connect.get_client(
        interface=url.scheme,
        host=url.hostname,
        port=url.port or (8443 if url.scheme == "https" else 8123),
        username=name,
        password=password.get_secret_value(),
        database=database or "default",
        autogenerate_session_id=False,  # /status queries from its own thread
        connect_timeout=10,
        send_receive_timeout=settings.timeout_seconds,
        query_retries=0,  # sinks.clickhouse.retry does it, and logs it
        # A definition waits for the replicas that are up; the others make up for it.
        settings=_ACTIVE_ONLY if settings.replicas else None,
        **_tls(settings, has_password=bool(password.get_secret_value())),
    )


def _tls(settings: ClickHouseSettings, *, has_password: bool) -> dict[str, Any]:
    """What the driver needs of certificates; nothing for the machine's own authorities."""
    files = {
        "ca_cert": settings.ca_file,
        "client_cert": settings.client_certificate,
        "client_cert_key": settings.client_key,
    }
    found: dict[str, Any] = {name: str(path) for name, path in files.items() if path}
    if settings.client_certificate:
        # strict: a user with a password, too; mutual: the certificate alone names the user.
        found["tls_mode"] = "strict" if has_password else "mutual"
    return found


def _prepare(folder: Path) -> None:
    """Make chDB's folder, and refuse one in which it would leave half a database.

    Raises OSError.
    """
    make_private_folder(folder)
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "cannot be written", str(folder))
    if shutil.disk_usage(folder).free < _FREE_MIN_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))


def translate(error: Exception, settings: ClickHouseSettings) -> Exception:
    """An error of the driver, named for the reaction it asks for."""
    text = f"ClickHouse at {settings.place}: {error}"
    if isinstance(error, OSError) and error.filename is not None:
        text = f"chDB cannot use {error.filename}: {error.strerror} (clickhouse.folder)"
        return StoreMisconfigured(text) if error.errno in _FOLDER_ERRORS else StoreUnavailable(text)
    if getattr(error, "code", None) in _REFUSALS:
        return StoreMisconfigured(text)
    if settings.url is None and "Unable to open the chdb engine" in str(error):
        # A killed process releases its lock, so the process that holds it is running.
        return StoreUnavailable(
            f"{settings.place} cannot be opened: another process (a second sink, a Python shell) "
            f"has it open, or it is not a chDB folder ({error})"
        )
    return StoreUnavailable(text)
