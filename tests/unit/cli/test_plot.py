"""Plots of answers: bars for a few rows, a curve for many."""

from cli.plot import plot


def test_bars() -> None:
    assert plot(["node-lost", "expired"], [8, 3], 30) == [
        "node-lost 8 ██████████████████",
        "expired   3 ██████▊",
    ]


def test_a_curve_keeps_every_peak() -> None:
    values = [0.0] * 100
    values[37] = 9
    curve, ends = plot([f"{n:02}" for n in range(100)], values, 20)
    assert curve == "▁▁▁▁▁▁▁█▁▁▁▁▁▁▁▁▁▁▁▁"
    assert ends == "00 … 99, at most 9"


def test_nothing_to_compare() -> None:
    assert plot([], [], 80) == []
    assert plot(["a"], [5], 80) == []
    assert plot(["a", "b"], [0, 0], 80) == []


def test_no_line_is_wider_than_the_terminal() -> None:
    labels = ["a very long cause of a loss", "b"]
    for width in range(10, 80):
        assert all(len(line) <= width for line in plot(labels, [123456, 1], width))
        assert all(len(line) <= width for line in plot(labels * 20, [1.5, 2] * 20, width))
