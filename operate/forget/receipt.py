"""Receipt: what was deleted where, when and by whom; of the user only a keyed hash."""

import json
import os
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from runtime.keyed_hash import keyed_hash
from runtime.private_folders import make_private_folder
from schemas.times import rfc3339


@dataclass(kw_only=True)
class Receipt:
    """`topics`: tombstones by topic; `clickhouse`: rows by table, None: there is no store.

    `user_center`: delivered, waiting, or none where no such stage has read presence. `waiting`:
    what was not done in time: ask again. `kept`: topics that still name the user, with the days
    after which Kafka drops their records.
    """

    receipt: str
    user: str
    at: str
    by: str
    topics: dict[str, int] = field(default_factory=dict)
    clickhouse: dict[str, int] | None = None
    user_center: str = "none"
    kept: dict[str, float] = field(default_factory=dict)
    waiting: list[str] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        return not self.waiting

    def document(self) -> dict[str, Any]:
        return {**asdict(self), "complete": self.is_complete}


def new_receipt(id_: str, aor: str, key: bytes, at: datetime, by: str) -> Receipt:
    """An empty one; `user` is the same in each receipt of a user by the same key."""
    return Receipt(receipt=id_, user=keyed_hash(key, aor), at=rfc3339(at), by=by)


def keep(receipt: Receipt, path: Path) -> None:
    """Append it as one JSON line, on the disk when it returns. Raises OSError."""
    make_private_folder(path.parent)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f"{json.dumps(receipt.document())}\n")
        file.flush()
        os.fsync(file.fileno())
