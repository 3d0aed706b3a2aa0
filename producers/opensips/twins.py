"""One contact that usrloc holds several times: its rows of a listing, told apart.

Pure. By several Call-IDs (matching_mode 1), or where it was taken for others, whose URIs became its
own (ContactMatching.may_take_another()). Calls go to each, and each ends by itself, but events name
them alike.
"""

from producers.opensips.snapshot import Row
from producers.stored_contact import bounded_identity


def told_apart(rows: list[Row]) -> list[Row]:
    """These rows, each with an identity of its own.

    The oldest keeps the identity that events name; the others' hold their ContactID, which no
    contact has a second time (next_contact_id() in usrloc's urecord.c).
    """
    alike: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        alike.setdefault((row.aor, row.binding), []).append(row)
    found: list[Row] = []
    for first, *twins in (sorted(one, key=lambda row: row.contact_id) for one in alike.values()):
        found.append(first)
        for twin in twins:
            identity = bounded_identity(f"{twin.binding} id={twin.contact_id}")
            found.append(twin._replace(binding=identity, twin_of=first.binding))
    return found


def twins_of_users(rows: list[Row]) -> dict[str, list[str]]:
    """Of each AOR listed the identities that several of its rows had."""
    twins: dict[str, list[str]] = {row.aor: [] for row in rows}
    for row in rows:
        if row.twin_of is not None:
            twins[row.aor].append(row.twin_of)
    return twins
