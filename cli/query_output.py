"""How an answer of the store is printed: a table with a plot, JSON lines or CSV."""

import csv
import json
import sys
from enum import StrEnum

import typer
from rich.console import Console

from cli.console import emit
from cli.layout import Column, lay_out
from cli.plot import plot
from sinks.clickhouse.asking.answer import Answer

_CELL_LEAST = 8  # characters to which a column may be cut
_UNLIMITED = 100_000


class Form(StrEnum):
    """How an answer is printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def show(answer: Answer, form: Form, plotted: tuple[str, str] | None = None) -> None:
    """`plotted`: the columns of value and label that a terminal gets as a plot, too."""
    if form is Form.JSON:
        for row in answer.rows:
            emit(dict(zip(answer.columns, row, strict=True)))
    elif form is Form.CSV:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(answer.columns)
        writer.writerows([[_cell(value) for value in row] for row in answer.rows])
    elif answer.rows:
        _show_table(answer, plotted)
    else:
        typer.echo("no rows")


def _show_table(answer: Answer, plotted: tuple[str, str] | None) -> None:
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:  # nothing is cut for a file or a pipe
        console.width = _UNLIMITED
    elif plotted is not None:
        for line in _plot(answer, *plotted, console.width):
            console.print(line)
    columns = [
        Column(name, least=_CELL_LEAST, rank=number) for number, name in enumerate(answer.columns)
    ]
    rows = [[_short(_cell(value)) for value in row] for row in answer.rows]
    console.print(lay_out(columns, rows, console.width))


def _plot(answer: Answer, value: str, label: str, width: int) -> list[str]:
    values, labels = answer.columns.index(value), answer.columns.index(label)
    return plot(
        [_short(_cell(row[labels])) for row in answer.rows],
        [float(row[values] or 0) for row in answer.rows],
        width,
    )


def _cell(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def _short(text: str) -> str:
    """A time to the second where nothing is below it; other texts as they are."""
    return text.removesuffix("Z").removesuffix(".000000")
