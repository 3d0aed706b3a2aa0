"""The published files of SQL: one a system, with a table for each topic."""

from collections.abc import Callable
from pathlib import Path

from schemas.ddl import clickhouse, flink, ksqldb
from schemas.ddl.fields import TOPICS
from schemas.topic import Topic

FOLDER = Path(__file__).parents[1] / "sql"
_SYSTEMS: dict[str, tuple[str, Callable[[Topic], str]]] = {
    "clickhouse": (clickhouse.HEAD, clickhouse.table),
    "flink": (flink.HEAD, flink.table),
    "ksqldb": (ksqldb.HEAD, ksqldb.table),
}


def texts() -> dict[str, str]:
    """By file name, the contents; the same contract gives the same."""
    return {
        f"{system}.sql": "\n".join([head, *(table(topic) for topic in TOPICS)])
        for system, (head, table) in _SYSTEMS.items()
    }


def write(folder: Path = FOLDER) -> list[Path]:
    """Write them; returns the files, sorted. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts().items():
        (folder / name).write_text(text, encoding="utf-8")
    return sorted(folder / name for name in texts())
