"""What a subscriber knows now: the last presence record and the session of each user.

Kept as bytes, and only for users of audited nodes: a cluster may have a million users.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Generic, TypeVar

from runtime.kafka import KafkaMisconfigured, KafkaSettings, topic_problems
from runtime.log_reader import LogReader
from runtime.topic_parts import Part
from schemas import codec
from schemas.presence import Presence
from schemas.session import Session
from schemas.topics import PRESENCE, SESSIONS
from streams import models
from streams.folds.refresh import Refresh, lay
from streams.tables.overlays import overlaid_key

T = TypeVar("T")


class Records(Mapping[str, T], Generic[T]):
    """Records by AOR, decoded on access; a later refresh of the view does not change them."""

    def __init__(self, model: type[T], values: Mapping[str, bytes]) -> None:
        self._model = model
        self._values = dict(values)

    def __getitem__(self, aor: str) -> T:
        return codec.decode(self._model, self._values[aor])

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


class Sessions(Records[Session]):
    """Sessions by AOR, with their last refreshes laid over them."""

    def __init__(self, values: Mapping[str, bytes], refreshes: Mapping[str, bytes]) -> None:
        super().__init__(Session, values)
        self._refreshes = dict(refreshes)

    def __getitem__(self, aor: str) -> Session:
        session = super().__getitem__(aor)
        refresh = self._refreshes.get(aor)
        if refresh is not None:
            lay(session, models.decode(Refresh, refresh))
        return session


class View:
    """Reads both topics without a consumer group; `refresh` reads on to their current ends."""

    def __init__(self, kafka: KafkaSettings, nodes: Collection[str] | None) -> None:
        """Keep the users of `nodes`, or all users where that is None.

        Raises KafkaUnavailable; KafkaMisconfigured, also when a topic is missing.
        """
        if problems := topic_problems(kafka):
            raise KafkaMisconfigured("; ".join(problems))
        self._names = None if nodes is None else [codec.encode(name) for name in nodes]
        self._presence: dict[str, bytes] = {}
        self._versions: dict[str, int] = {}
        self._sessions: dict[str, bytes] = {}
        self._refreshes: dict[str, bytes] = {}
        self._readers = [LogReader(kafka, [Part(topic)], "cli") for topic in (PRESENCE, SESSIONS)]

    def refresh(self) -> None:
        """Read both topics to their ends.

        Raises KafkaUnavailable, KafkaMisconfigured, TopicReplaced.
        """
        presence, sessions = self._readers
        for message in presence.read_on():
            if value := message.value():
                self._add_presence(value)
        for message in sessions.read_on():
            self._add_session(message.key() or b"", message.value())

    def presence(self) -> Records[Presence]:
        return Records(Presence, self._presence)

    def sessions(self) -> Records[Session]:
        return Sessions(self._sessions, self._refreshes)

    def close(self) -> None:
        for reader in self._readers:
            reader.close()

    def _add_presence(self, value: bytes) -> None:
        """Of two records of one user the higher version counts, whichever comes last."""
        record = codec.decode(Presence, value)
        if record.version < self._versions.get(record.aor, 0):
            return
        self._versions[record.aor] = record.version
        if self._concerns(value):
            self._presence[record.aor] = value
        else:
            self._presence.pop(record.aor, None)

    def _add_session(self, key: bytes, value: bytes | None) -> None:
        under = overlaid_key(key, value)
        aor = (key if under is None else under).decode()
        if under is None:
            self._refreshes.pop(aor, None)
            self._sessions.pop(aor, None)
            if value is not None and self._concerns(value):
                self._sessions[aor] = value
        elif value is not None and aor in self._sessions:
            self._refreshes[aor] = value

    def _concerns(self, value: bytes) -> bool:
        return self._names is None or any(name in value for name in self._names)
