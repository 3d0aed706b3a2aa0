"""Keyed hashes: keys in files, and what they hide."""

from pathlib import Path

import pytest

from runtime.keyed_hash import keyed_hash, read_key, read_or_make_key
from runtime.settings import BadSettings


def test_a_key_is_made_once_for_this_user_only(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "key"
    made = read_or_make_key(path)
    assert read_or_make_key(path) == read_key(path) == made
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_key_that_is_missing_or_short_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="No such file"):
        read_key(tmp_path / "none")
    (tmp_path / "short").write_text("secret\n")
    with pytest.raises(BadSettings, match="shorter than 16"):
        read_key(tmp_path / "short")


def test_a_hash_depends_on_key_and_text() -> None:
    key, other = b"k" * 16, b"o" * 16
    assert keyed_hash(key, "alice") == keyed_hash(key, "alice")
    assert len({keyed_hash(key, "alice"), keyed_hash(key, "bob"), keyed_hash(other, "alice")}) == 3
