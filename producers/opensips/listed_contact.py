"""One contact as the server lists it, in whichever dialect of MI."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ListedContact:
    """A contact of `ul_dump` or `ul_show_contact`; `fields` as 3.x names them, values as text."""

    domain: str
    aor: str
    contact: str
    fields: dict[str, str] = field(default_factory=dict)


def is_gone(listed: ListedContact) -> bool:
    """Whether the server no longer uses it: VALID_CONTACT() in usrloc's ucontact.h.

    In the second in which it expires ul_mi.c writes a 0, afterwards `expired`.
    """
    return listed.fields.get("Expires") in ("deleted", "expired", "0")
