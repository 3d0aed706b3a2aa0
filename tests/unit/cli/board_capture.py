"""`python -m tests.unit.cli.board_capture`: writes docs/terminal.md, the board at three sizes.

The demo's recordings through the real translation and folds, with their times moved to one end, as
the demo moves them; the board is drawn as it was shortly before that end.
"""

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console

from cli.board import Board
from local.demo import recordings
from local.replay.esl_recording import read_capture
from producers.freeswitch import event as events
from producers.freeswitch import translation
from producers.freeswitch.context import Context
from producers.translated import Translated
from tests.unit.freeswitch_capture import MARGIN
from tests.unit.pipeline import Pipeline

PAGE = Path(__file__).parents[3] / "docs" / "terminal.md"
SIZES = ((80, 24), (120, 40), (200, 60))
# The end of all recordings, and how long before it the board is drawn: calls are up then.
END = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
BEFORE = timedelta(seconds=105)
DELAY = 0.012

_HEAD = """# The board in a terminal

`rollcall demo` lays its board out by the size of the terminal: the domain once, one line a user and
a change, an ellipsis where a text is cut, fewer rows where there is no room. These are the demo's
recordings, 105 s before their end; every delay is set to 12 ms. Written by
`python -m tests.unit.cli.board_capture`, and checked by a test.
"""


def changes() -> Pipeline:
    """The demo's recordings, folded up to the moment of the capture."""
    pipeline = Pipeline()
    found: list[Translated] = []
    for source in recordings():
        frames = read_capture(source.file)
        shift = int(END.timestamp() * 1e6) - frames[-1].at
        context = Context(source.node, MARGIN)
        for frame in frames:
            if frame.type == "text/event-json":
                body = frame.bytes(shift).partition(b"\n\n")[2]
                found += translation.translate(events.parse(body), context)
    found.sort(key=lambda record: record.event.at)
    for record in found:
        if record.event.at <= END - BEFORE:
            pipeline.feed(record.topic, [(record.key, record.event)])
    return pipeline


def drawn(pipeline: Pipeline, width: int, height: int) -> str:
    """The board of these changes in a terminal of this size."""
    file = io.StringIO()
    console = Console(file=file, width=width, height=height, force_terminal=True, color_system=None)
    board = Board(console, "Rollcall", lambda: END)
    for presence in pipeline.published:
        board.add(presence, DELAY)
    file.truncate(file.seek(0))  # the lines of a board that is not live
    console.print(board.render())
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines())


def page() -> str:
    """The text of docs/terminal.md."""
    pipeline = changes()
    boards = [
        f"## {width}×{height}\n\n```\n{drawn(pipeline, width, height)}\n```\n"
        for width, height in SIZES
    ]
    return "\n".join([_HEAD, *boards])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
