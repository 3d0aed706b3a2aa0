"""Tables that fit the terminal: columns shrink with an ellipsis, the least important go first."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

_GAP = 2


@dataclass(frozen=True, slots=True)
class Column:
    """`least`: to how many characters it may be cut, 0: to none. `rank`: the highest is left out
    first where not even that fits; 0: never."""

    header: str
    least: int = 0
    rank: int = 0


def lay_out(columns: Sequence[Column], rows: Sequence[Sequence[Text | str]], width: int) -> Table:
    """A table of one line a row, at most `width` characters wide."""
    cells = [[_text(cell) for cell in row] for row in rows]
    kept = list(range(len(columns)))
    widths = _natural_widths(columns, cells)
    while _narrowest(columns, widths, kept) > width:
        out = max(kept, key=lambda index: columns[index].rank)
        if columns[out].rank == 0:
            break
        kept.remove(out)
    _shrink(columns, widths, kept, width)
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for index in kept:
        table.add_column(
            columns[index].header, no_wrap=True, overflow="ellipsis", width=widths[index]
        )
    for row in cells:
        table.add_row(*(row[index] for index in kept))
    return table


def _text(cell: Text | str) -> Text:
    return cell if isinstance(cell, Text) else Text(cell)


def _natural_widths(columns: Sequence[Column], cells: list[list[Text]]) -> list[int]:
    widths = [len(column.header) for column in columns]
    for row in cells:
        widths = [max(width, cell.cell_len) for width, cell in zip(widths, row, strict=True)]
    return widths


def _narrowest(columns: Sequence[Column], widths: list[int], kept: list[int]) -> int:
    least = [min(widths[i], columns[i].least) if columns[i].least else widths[i] for i in kept]
    return sum(least) + _GAP * (len(kept) - 1)


def _shrink(columns: Sequence[Column], widths: list[int], kept: list[int], width: int) -> None:
    """Cut the widest that may be cut, a character at a time, until all fit."""
    while sum(widths[i] for i in kept) + _GAP * (len(kept) - 1) > width:
        cut = [i for i in kept if columns[i].least and widths[i] > columns[i].least]
        if not cut:
            return
        widths[max(cut, key=lambda i: widths[i])] -= 1
