"""A small plot over an answer's table: one bar a row, or a curve where there are many. Pure."""

from collections.abc import Sequence

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_LEVELS = "▁▂▃▄▅▆▇█"
_BARS_MOST = 12  # rows; of more a curve is drawn


def plot(labels: Sequence[str], values: Sequence[float], width: int) -> list[str]:
    """Lines of at most `width` characters; none where there is nothing to compare.

    Values below 0 are drawn as 0. Of a curve with more values than columns each column shows the
    highest of its own, so that no peak is lost.
    """
    highest = max(values, default=0)
    if len(values) < 2 or highest <= 0:
        return []
    if len(values) <= _BARS_MOST:
        return _bars(labels, values, highest, width)
    return _curve(labels, values, highest, width)


def _bars(labels: Sequence[str], values: Sequence[float], highest: float, width: int) -> list[str]:
    column = min(max(len(label) for label in labels), width // 2)
    figures = [f"{value:g}" for value in values]
    longest = max(len(figure) for figure in figures)
    room = max(width - column - longest - 2, 1)
    return [
        f"{label[:column]:{column}} {figure:>{longest}} {_bar(value / highest * room)}"[
            :width
        ].rstrip()
        for label, value, figure in zip(labels, values, figures, strict=True)
    ]


def _bar(length: float) -> str:
    eighths = round(max(length, 0) * 8)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _curve(labels: Sequence[str], values: Sequence[float], highest: float, width: int) -> list[str]:
    columns = min(len(values), width)
    parts = [
        values[len(values) * n // columns : len(values) * (n + 1) // columns]
        for n in range(columns)
    ]
    curve = "".join(
        _LEVELS[round(max(max(part), 0) / highest * (len(_LEVELS) - 1))] for part in parts
    )
    ends = f"{labels[0]} … {labels[-1]}, at most {highest:g}"
    return [curve, ends[:width]]
