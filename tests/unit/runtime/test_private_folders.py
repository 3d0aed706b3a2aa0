"""A stage's own data are for its own user only."""

from pathlib import Path
from stat import S_IMODE

from runtime.private_folders import make_private_folder


def test_all_that_is_missing_is_private(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    make_private_folder(tmp_path / "a" / "b")
    made = [S_IMODE(place.stat().st_mode) for place in (tmp_path / "a" / "b", tmp_path / "a")]
    assert made == [0o700, 0o700]
    assert S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_a_folder_that_exists_is_left_to_its_owner(tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.mkdir(mode=0o775)
    volume.chmod(0o775)
    make_private_folder(volume)
    assert S_IMODE(volume.stat().st_mode) == 0o775
