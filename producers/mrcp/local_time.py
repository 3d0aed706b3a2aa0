"""The log's local times → UTC: in the hour that comes twice, by the entry before. Pure."""

from datetime import UTC, datetime, timedelta, tzinfo

# Entries of several threads are written in another order than their times.
_DISORDER = timedelta(minutes=1)


class LocalTimes:
    """One log's. `zone`: that of the server's process; None: this host's."""

    def __init__(self, zone: tzinfo | None) -> None:
        self._zone = zone
        self._last: datetime | None = None

    def utc(self, local: datetime) -> datetime:
        """The moment of a time without a zone."""
        at = self._in_zone(local, 0)
        if self._last is not None and at < self._last - _DISORDER:
            later = self._in_zone(local, 1)
            at = later if later >= self._last - _DISORDER else at
        self._last = at
        return at

    def _in_zone(self, local: datetime, fold: int) -> datetime:
        folded = local.replace(fold=fold)
        if self._zone is not None:
            folded = folded.replace(tzinfo=self._zone)
        return folded.astimezone(UTC)
