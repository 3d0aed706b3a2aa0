"""Folders of a stage's own data: who registers from where is nobody else's to read."""

from pathlib import Path


def make_private_folder(folder: Path) -> None:
    """Make the folder and what is missing above it, for this user only. Raises OSError.

    Folders that exist are left as they are: a volume's owner decides about it.
    """
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    for place in reversed(missing):
        place.mkdir(mode=0o700, exist_ok=True)
