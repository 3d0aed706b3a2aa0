"""The identity of a contact in an event or a listing: what identifies a binding for usrloc.

Pure. usrloc's get_ucontact() (modules/usrloc/urecord.c): by `matching_mode`, or by URI parameters
where save() is given `matching-mode` with names (contact_params_match) or the contact can be woken
by a push (lib/reg/pn.c, `pn_ct_match_params`). An update by parameters changes the stored URI.
"""

from dataclasses import dataclass

from producers.sip_proxy.contact import Matching, matched
from producers.stored_contact import StoredContact, bounded_identity


@dataclass(frozen=True, slots=True)
class ContactMatching:
    """`parameters` identify a contact whose URI has a value for each of them."""

    by: Matching = Matching.CONTACT
    parameters: tuple[str, ...] = ()

    def may_take_another(self, text: str) -> bool:
        """Whether a renewal of this contact may have been stored over another one.

        contact_params_match() treats a parameter that is missing on either side as equal, so a
        contact without them matches the first of the user's contacts.
        """
        return bool(self.parameters) and _values(text, self.parameters) is None

    def identity(self, contact: StoredContact, text: str, call_id: str | None) -> str:
        """`text` is the contact as the server wrote it, of which `contact` was read."""
        if self.parameters and (found := _values(text, self.parameters)) is not None:
            return bounded_identity(found)
        return matched(self.by, contact.identity, call_id, None)


def _values(text: str, names: tuple[str, ...]) -> str | None:
    """`;name=value` of each, None where one is missing. Values are compared as written."""
    given: dict[str, str] = {}
    for part in text.split(">")[0].partition("?")[0].split(";")[1:]:
        name, _, value = part.partition("=")
        given.setdefault(name.strip().lower(), value.strip())
    if not all(given.get(name.lower()) for name in names):
        return None
    return "".join(f";{name.lower()}={given[name.lower()]}" for name in names)
