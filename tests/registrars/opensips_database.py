"""The database of an OpenSIPS that keeps its location table in one: made, and read as it is."""

import contextlib
import shutil
import sqlite3
import time
from pathlib import Path

from tests.registrars.table import Row, client_port


def make(schemas: Path, database: Path) -> None:
    """An empty one, by the schemas that OpenSIPS brings."""
    if database.name == "text":
        database.mkdir()
        for name in ("version", "location"):
            shutil.copy(schemas / "dbtext" / "opensips" / name, database)
        return
    with contextlib.closing(sqlite3.connect(database)) as made:
        # Else whoever reads, this test too, may keep OpenSIPS from writing: it answers 200 OK then,
        # and stores nothing ("database is locked" in its log).
        made.execute("PRAGMA journal_mode = WAL")
        for name in ("standard", "usrloc"):
            made.executescript((schemas / "sqlite" / f"{name}-create.sql").read_text())


def stored(database: Path) -> list[Row]:
    """What the database holds where OpenSIPS keeps nothing in memory."""
    query = (
        "SELECT username || '@' || domain, contact, callid, cseq, received, path FROM location "
        "WHERE expires = 0 OR expires > ?"
    )
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as opened:
        found = opened.execute(query, (int(time.time()),)).fetchall()
    return [
        Row(aor, uri, call_id, cseq, port=client_port(received, uri), path=path)
        for aor, uri, call_id, cseq, received, path in found
    ]
