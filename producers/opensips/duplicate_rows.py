"""Separates the rows of one contact that usrloc holds several times: each gets its own identity.

Pure. A contact has several rows by several Call-IDs (matching_mode 1), or where it was stored over
others, whose URIs became its own (ContactMatching.may_take_another()). Calls go to each, and each
ends by itself, but events have one name for them.
"""

from producers.opensips.snapshot import Row
from producers.stored_contact import bounded_identity


def separated(rows: list[Row]) -> list[Row]:
    """These rows, each with an identity of its own.

    The oldest keeps the identity that events have; the others' contain their ContactID, which no
    other contact has (next_contact_id() in usrloc's urecord.c).
    """
    alike: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        alike.setdefault((row.aor, row.binding), []).append(row)
    found: list[Row] = []
    for first, *others in (sorted(one, key=lambda row: row.contact_id) for one in alike.values()):
        found.append(first)
        for other in others:
            identity = bounded_identity(f"{other.binding} id={other.contact_id}")
            found.append(other._replace(binding=identity, duplicate_of=first.binding))
    return found


def duplicates_of_users(rows: list[Row]) -> dict[str, list[str]]:
    """The identities of each AOR listed that several of its rows had."""
    duplicates: dict[str, list[str]] = {row.aor: [] for row in rows}
    for row in rows:
        if row.duplicate_of is not None:
            duplicates[row.aor].append(row.duplicate_of)
    return duplicates
