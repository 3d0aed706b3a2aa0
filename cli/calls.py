"""`rollcall calls`: prints the calls that are live or ended lately, of all or of one user."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.console import canonical
from cli.kept_data import readable_kafka
from cli.layout import Column, lay_out
from cli.rendering import moment
from operate.call_log import present_calls
from operate.call_phrases import called, ended_by, short, state, talked
from schemas.call_record import CallRecord
from schemas.codec import encode
from schemas.vocabulary import CallState

_STYLES = {
    CallState.RINGING: "yellow",
    CallState.EARLY: "yellow",
    CallState.ANSWERED: "cyan",
    CallState.HELD: "magenta",
    CallState.ENDED: "dim",
}
_COLUMNS = (
    Column("started (UTC)", rank=1),
    Column("caller", least=6),
    Column("called", least=6),
    Column("state"),
    Column("talked"),
    Column("ended by", least=6, rank=3),
    Column("nodes", least=6, rank=2),
)


def calls(aor: str | None, folder: Path | None, json_lines: bool) -> None:
    """Print the calls in the order of their start. Raises BadArgument and as readable_kafka."""
    wanted = canonical(aor) if aor is not None else None
    with readable_kafka(folder) as kafka:
        records = present_calls(kafka, wanted)
    if json_lines:
        for record in records:
            typer.echo(encode(record).decode())
    elif records:
        console = Console()
        console.print(as_table(records, console.width, datetime.now(UTC)))
    else:
        typer.echo("no call is live, and none has ended lately")


def as_table(records: Iterable[CallRecord], width: int, now: datetime) -> Table:
    """One line a call."""
    return lay_out(_COLUMNS, [_row(record, now) for record in records], width)


def _row(record: CallRecord, now: datetime) -> list[Text | str]:
    return [
        moment(record.started, now),
        short(record.caller) or "-",
        called(record) or "-",
        Text(state(record), style="red" if record.at_risk else _STYLES.get(record.state, "")),
        talked(record, now) or "-",
        ended_by(record) or "-",
        ", ".join(record.nodes),
    ]
