"""Where an issuer's keys are read: a file, or its JWKS URL; read again while the gateway runs.

While the source cannot be read the last keys stay valid, at most for `max_age`. Belongs to the
event loop.
"""

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx

from runtime import logs
from sinks.gateway.access.keys import BadKeys, Keys, keys_in

log = logs.get(__name__)

# Of one answer or file: a hundred RSA keys are 50 kB.
KEYS_BYTES_MAX = 256 * 1024
# An issuer is asked at most so often because of a key id that nobody knows: anybody can send one.
ASK_SECONDS_MIN = 5.0
_FETCH_SECONDS = 5.0
_FILE_CHECK_SECONDS = 1.0


class KeysUnavailable(Exception):
    """They could not be read; the message gives the reason."""


class KeySource:
    """Keys of anything that `read` returns as bytes."""

    def __init__(
        self,
        read: Callable[[], Awaitable[bytes]],
        *,
        every: float,
        max_age: float,
        named: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`every`, `max_age`: seconds. `named`: the source, for the log."""
        self._read = read
        self._every = every
        self._max_age = max_age
        self._named = named
        self._clock = clock
        self._data = b""
        self._keys: Keys | None = None
        self._read_at = self._asked_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None
        self._failure: str | None = None

    def keys(self) -> Keys | None:
        """The last keys that were read; None where there are none, or they are too old."""
        return self._keys if self._clock() - self._read_at < self._max_age else None

    async def keys_with(self, kid: str | None) -> Keys | None:
        """The same, read again where that may bring a key of this id."""
        found = self.keys()
        if found is not None and found.knows(kid):
            return found
        if self._reading is not None or self._clock() - self._asked_at >= ASK_SECONDS_MIN:
            await self.refresh()
        return self.keys()

    async def refresh(self) -> None:
        """Read once; who calls while it is being read waits for that."""
        if self._reading is None:
            self._reading = asyncio.create_task(self._refresh())
            self._reading.add_done_callback(self._done)
        await asyncio.shield(self._reading)

    async def maintain(self) -> None:
        """Read them again and again, until cancelled."""
        while True:
            await self.refresh()
            failed = self._failure is not None
            await asyncio.sleep(min(ASK_SECONDS_MIN, self._every) if failed else self._every)

    def _done(self, task: asyncio.Task[None]) -> None:
        del task
        self._reading = None

    async def _refresh(self) -> None:
        self._asked_at = self._clock()
        try:
            data = await self._read()
            keys = self._keys
            if keys is None or data != self._data:
                keys = keys_in(data)
        except (BadKeys, KeysUnavailable) as error:
            if str(error) != self._failure:
                log.error("keys of tokens not read", source=self._named, error=str(error))
            self._failure = str(error)
            return
        if keys is not self._keys or self._failure is not None:
            log.info("keys of tokens read", source=self._named, keys=len(keys))
        self._data, self._keys = data, keys
        self._read_at, self._failure = self._clock(), None


def keys_of_url(url: str, *, every: float, max_age: float, ca_file: Path | None) -> KeySource:
    """Keys of a JWKS URL, read every so many seconds."""
    context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)

    async def read() -> bytes:
        try:
            async with (
                asyncio.timeout(_FETCH_SECONDS),
                httpx.AsyncClient(verify=context, trust_env=False) as client,
                client.stream("GET", url) as answer,
            ):
                if answer.status_code != 200:
                    raise KeysUnavailable(f"HTTP status {answer.status_code}")
                data = bytearray()
                async for part in answer.aiter_bytes():
                    data += part
                    if len(data) > KEYS_BYTES_MAX:
                        raise KeysUnavailable(f"more than {KEYS_BYTES_MAX} bytes")
                return bytes(data)
        except (httpx.HTTPError, TimeoutError) as error:
            raise KeysUnavailable(str(error) or type(error).__name__) from error

    return KeySource(read, every=every, max_age=max_age, named=url)


def keys_of_file(path: Path, *, max_age: float) -> KeySource:
    """Keys of a file, which is read again when it is replaced."""

    async def read() -> bytes:
        try:
            with path.open("rb") as file:
                data = file.read(KEYS_BYTES_MAX + 1)
        except OSError as error:
            raise KeysUnavailable(str(error)) from error
        if len(data) > KEYS_BYTES_MAX:
            raise KeysUnavailable(f"more than {KEYS_BYTES_MAX} bytes")
        return data

    return KeySource(read, every=_FILE_CHECK_SECONDS, max_age=max_age, named=str(path))
