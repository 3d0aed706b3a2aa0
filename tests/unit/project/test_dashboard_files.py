"""The files of the dashboards are what is generated of the code and of the named questions."""

from pathlib import Path

import pytest

from operate.dashboards.dashboard import Dashboard
from operate.dashboards.publish import DASHBOARDS, FOLDER, publish, text_of


@pytest.mark.parametrize("board", DASHBOARDS, ids=lambda board: board.uid)
def test_file_is_what_is_generated(board: Dashboard) -> None:
    """After a change: python -m operate.dashboards.publish."""
    assert (FOLDER / f"{board.uid}.json").read_text(encoding="utf-8") == text_of(board)


def test_no_other_file_is_there(tmp_path: Path) -> None:
    assert {one.name for one in FOLDER.iterdir()} == {one.name for one in publish(tmp_path)}
