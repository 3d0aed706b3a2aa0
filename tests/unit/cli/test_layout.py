"""Tables fit the terminal: one line a row, ellipsis, the least important column goes first."""

import io

import pytest
from rich.console import Console
from rich.text import Text

from cli.layout import Column, lay_out

COLUMNS = (Column("user", least=6), Column("status"), Column("node", least=4, rank=1))
ROWS: list[list[Text | str]] = [
    ["1001", Text("online"), "fs-1"],
    ["a-rather-long-name", Text("offline"), "fs-2, fs-3"],
]


def lines(width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    console.print(lay_out(COLUMNS, ROWS, width))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_what_fits_is_whole() -> None:
    assert lines(80) == [
        "user                status   node",
        "1001                online   fs-1",
        "a-rather-long-name  offline  fs-2, fs-3",
    ]


def test_the_widest_are_cut_with_an_ellipsis() -> None:
    assert lines(30) == [
        "user       status   node",
        "1001       online   fs-1",
        "a-rather…  offline  fs-2, fs-3",
    ]


def test_a_column_that_does_not_fit_is_left_out() -> None:
    assert lines(20) == ["user         status", "1001         online", "a-rather-l…  offline"]


@pytest.mark.parametrize("width", [10, 16, 24, 40, 60, 80, 200])
def test_a_row_is_a_line_at_any_width(width: int) -> None:
    assert len(lines(width)) == 1 + len(ROWS)


def test_wide_characters_count_twice() -> None:
    table = lay_out((Column("user", least=3), Column("status")), [["电话电话电话", "online"]], 16)
    console = Console(file=io.StringIO(), width=16)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().splitlines()[1].rstrip() == "电话电 …  online"
