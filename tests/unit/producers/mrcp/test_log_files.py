"""A log over its rotations: UniMRCP's own, renamed, emptied; and resumed after a restart."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from producers.mrcp.log_files import LogFiles

Open = Callable[[Path], LogFiles]
NAMES = [f"server_2026.11.24_07.4{n}.00.000000.log" for n in range(4)]


@pytest.fixture
def opened() -> Iterator[Callable[[Path], LogFiles]]:
    """Makes a reader, which is closed after the test."""
    made: list[LogFiles] = []

    def make(path: Path) -> LogFiles:
        made.append(LogFiles(path))
        return made[-1]

    yield make
    for one in made:
        one.close()


def link(folder: Path, name: str) -> Path:
    """`server_current.log` is that file from now on (`apt_log_file_link_current`)."""
    place = folder / "server_current.log"
    place.unlink(missing_ok=True)
    place.symlink_to(folder / name)
    return place


def write(path: Path, text: str, order: int) -> None:
    with path.open("a") as file:
        file.write(text)
    os.utime(path, ns=(order, order))


def rest(files: LogFiles) -> list[tuple[str, bool]]:
    found = []
    while (read := files.read())[0]:
        found.append((read[0].decode(), read[1]))
    return found


def test_a_link_is_followed_and_no_byte_is_left(tmp_path: Path, opened: Open) -> None:
    write(tmp_path / NAMES[0], "first\n", 1)
    files = opened(link(tmp_path, NAMES[0]))
    assert rest(files) == [("first\n", True)]
    write(tmp_path / NAMES[0], "its end\n", 2)
    write(tmp_path / NAMES[1], "second\n", 3)
    write(tmp_path / NAMES[2], "third\n", 4)
    link(tmp_path, NAMES[2])
    assert rest(files) == [("its end\n", False), ("second\n", True), ("third\n", True)]
    assert files.turns == 2


def test_a_renamed_file_is_read_to_its_end(tmp_path: Path, opened: Open) -> None:
    log = tmp_path / "mrcp.log"
    write(log, "first\n", 1)
    files = opened(log)
    assert rest(files) == [("first\n", True)]
    log.rename(tmp_path / "mrcp.log.1")
    assert rest(files) == []  # between two files
    write(tmp_path / "mrcp.log.1", "its end\n", 2)
    write(log, "second\n", 3)
    assert rest(files) == [("its end\n", False), ("second\n", True)]


def test_a_file_emptied_under_its_name_begins_anew(tmp_path: Path, opened: Open) -> None:
    log = tmp_path / "mrcp.log"
    write(log, "first entry\n", 1)
    files = opened(log)
    assert rest(files) == [("first entry\n", True)]
    log.write_text("")
    write(log, "longer than the one before\n", 2)
    assert rest(files) == [("longer than the one before\n", True)]


def test_a_log_that_comes_later_is_waited_for(tmp_path: Path, opened: Open) -> None:
    log = tmp_path / "mrcp.log"
    files = opened(log)
    assert rest(files) == []
    write(log, "first\n", 1)
    assert rest(files) == [("first\n", True)]


def test_a_place_is_found_again_over_rotations(tmp_path: Path, opened: Open) -> None:
    write(tmp_path / NAMES[0], "oldest\n", 1)
    write(tmp_path / NAMES[1], "read\n", 2)
    files = opened(link(tmp_path, NAMES[1]))
    assert rest(files) == [("read\n", True)]
    place = files.place
    assert place is not None
    write(tmp_path / NAMES[1], "not read\n", 3)
    write(tmp_path / NAMES[2], "second\n", 4)
    write(tmp_path / NAMES[3], "third\n", 5)
    again = opened(link(tmp_path, NAMES[3]))
    assert again.resume(place)
    assert [text for text, _ in rest(again)] == ["not read\n", "second\n", "third\n"]


def test_a_place_in_a_file_that_was_replaced_is_not_found(tmp_path: Path, opened: Open) -> None:
    log = tmp_path / "mrcp.log"
    write(log, "first\n", 1)
    files = opened(log)
    rest(files)
    place = files.place
    assert place is not None
    log.write_text("other\n and longer")  # the same inode
    again = opened(log)
    assert not again.resume(place)
    assert rest(again) == [("other\n and longer", True)]
