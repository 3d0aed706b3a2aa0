"""`rollcall query`: one SELECT of ClickHouse, a server or an ended stack's chDB."""

import json
from pathlib import Path
from typing import Any

from rich.console import Console

from cli.console import DEMO_FOLDER, emit
from cli.layout import Column, lay_out
from runtime.settings import BadArgument, load
from sinks.clickhouse.database import Database, StoreMisconfigured, StoreUnavailable
from sinks.clickhouse.settings import ClickHouseSettings

_LEAST = 6
# Where the output is not a terminal, nothing is cut.
_UNLIMITED = 100_000


def query(sql: str, folder: Path | None, json_lines: bool) -> None:
    """Print the rows: a table that fits the terminal, or JSON lines. Raises BadArgument."""
    try:
        with Database(_settings(folder)) as database:
            names, rows = database.select(sql)
    except (StoreUnavailable, StoreMisconfigured) as error:
        raise BadArgument(str(error).partition("\n")[0]) from error
    if json_lines:
        for row in rows:
            emit(json.loads(json.dumps(row, default=str)))
        return
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = _UNLIMITED
    table = lay_out(
        [Column(name, _LEAST) for name in names],
        [[_text(row[name]) for name in names] for row in rows],
        console.width,
    )
    console.print(table)


def _settings(folder: Path | None) -> ClickHouseSettings:
    """Raises BadArgument where there are no data."""
    settings = load(ClickHouseSettings)
    if folder is not None:
        settings = load(ClickHouseSettings, url=None, folder=folder / "clickhouse")
    elif settings.url is None and not settings.folder.is_dir():
        settings = load(ClickHouseSettings, folder=DEMO_FOLDER / "clickhouse")
    if settings.url is None and not settings.folder.is_dir():
        raise BadArgument(f"no ClickHouse data in {settings.folder}, and clickhouse.url is not set")
    return settings


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)
