"""Keyed hashes of identities: the same key gives the same hash, and without it none is guessed."""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from runtime.private_folders import make_private_folder
from runtime.settings import BadSettings

_KEY_BYTES_MIN = 16
_HASH_CHARACTERS = 32  # 128 bits


def read_key(path: Path) -> bytes:
    """The key in a file: all its bytes but white space at the ends. Raises BadSettings."""
    try:
        key = path.read_bytes().strip()
    except OSError as error:
        raise BadSettings(f"key file {path}: {error.strerror}") from error
    if len(key) < _KEY_BYTES_MIN:
        raise BadSettings(f"key file {path}: shorter than {_KEY_BYTES_MIN} bytes")
    return key


def read_or_make_key(path: Path) -> bytes:
    """The key in a file, which is made with a random one where there is none.

    Raises BadSettings, OSError.
    """
    make_private_folder(path.parent)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return read_key(path)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"{secrets.token_hex(32)}\n")
    return read_key(path)


def keyed_hash(key: bytes, text: str) -> str:
    """HMAC-SHA-256 of a text, as 32 hexadecimal digits."""
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:_HASH_CHARACTERS]
