"""docs/terminal.md shows the board as it is, and no line of it is wider than its terminal."""

from tests.unit.cli.board_capture import PAGE, SIZES, page


def test_the_page_is_what_the_board_draws() -> None:
    """Where it is not: `python -m tests.unit.cli.board_capture`, and look at it."""
    text = PAGE.read_text(encoding="utf-8")
    assert text == page()
    boards = text.split("```")[1::2]
    for (width, height), board in zip(SIZES, boards, strict=True):
        lines = board.strip("\n").splitlines()
        assert max(map(len, lines)) <= width
        assert len(lines) < height
        assert "on-the-phone" in board
        assert "last changes" in board
