"""What identifies a call's records: its id, what has changed of it, and where it went (pure)."""

import hashlib

from schemas.call_record import CallRecord
from schemas.codec import encode


def call_id(node: str, leg: str) -> str:
    """A call's id by its first leg: of fixed length, and the same for ever."""
    return hashlib.blake2b(f"{node}\0{leg}".encode("utf-8", "replace"), digest_size=12).hexdigest()


def digest_of(record: CallRecord) -> bytes:
    """Of all of a record but its version."""
    version, record.version = record.version, 0
    digest = hashlib.blake2b(encode(record), digest_size=16).digest()
    record.version = version
    return digest


def merged_record(survivor: CallRecord, id_: str, version: int) -> CallRecord:
    """The last record of a call that is a part of another: without what the other one has."""
    survivor.id, survivor.version, survivor.merged_into = id_, version, survivor.id
    survivor.legs, survivor.media, survivor.speech, survivor.transfers = [], [], [], []
    return survivor
