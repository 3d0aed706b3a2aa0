"""What identifies a binding in Kamailio's location table: an instance, or what matching_mode names.

Pure. After get_ucontact_by_instance() and get_ucontact() in usrloc's urecord.c.
"""

from collections.abc import Iterable
from typing import Protocol

from producers.sip_proxy.contact import Matching, matched
from producers.stored_contact import bounded_identity

ROWS_MAX = 64  # of one user


class Identified(Protocol):
    """The fields of a row that its identity is made of."""

    @property
    def text(self) -> str: ...

    @property
    def call_id(self) -> str | None: ...

    @property
    def path(self) -> str | None: ...

    @property
    def instance(self) -> str | None: ...

    @property
    def reg_id(self) -> int: ...


def identities(rows: Iterable[Identified], matching: Matching) -> list[str]:
    """The identity of each row, in order: no two rows of one user have the same.

    usrloc finds a contact by instance and reg-id where it has an instance, else by `matching_mode`
    and the URI's exact text. Two rows that one REGISTER made may share their instance: only the
    first is found by it.
    """
    found: list[str] = []
    for row in rows:
        for identity in _candidates(row, matching):
            if identity not in found:
                found.append(identity)
                break
    return found


def identity(
    text: str,
    matching: Matching,
    *,
    call_id: str | None,
    path: str | None,
    instance: str | None,
    reg_id: int,
) -> str:
    """What usrloc finds a contact by; `text` is its URI, `instance` without brackets."""
    if instance is not None:
        return bounded_identity(f"{instance};reg-id={reg_id}" if reg_id else instance)
    return matched(matching, bounded_identity(text), call_id, path)


def bare(instance: str | None) -> str | None:
    """An instance as usrloc compares it: without its brackets."""
    return instance.removeprefix("<").removesuffix(">") if instance else None


def _candidates(row: Identified, matching: Matching) -> Iterable[str]:
    how = {"call_id": row.call_id, "path": row.path}
    yield identity(row.text, matching, **how, instance=row.instance, reg_id=row.reg_id)
    yield identity(row.text, matching, **how, instance=None, reg_id=0)
    yield identity(row.text, Matching.CONTACT_CALL_ID, **how, instance=None, reg_id=0)
    for number in range(ROWS_MAX):
        yield bounded_identity(f"{row.text} number={number}")
