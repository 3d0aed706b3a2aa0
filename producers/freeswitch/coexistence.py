"""Which rows of one user may exist side by side at a profile, as the table has shown. Pure.

It follows from the profile's `multiple-registrations`, which no command shows
(producers/freeswitch/matching.py). So what a listing showed once is not asked about again.
"""

from dataclasses import dataclass, field

from producers.freeswitch.row_rules import APART, Relation, relation_of
from producers.freeswitch.rows import Row


@dataclass(slots=True)
class Coexistence:
    """By profile: the relations of rows that were listed together."""

    _relations: dict[str, set[Relation]] = field(default_factory=dict)

    def add(self, profile: str, relation: Relation) -> None:
        """Two rows so related exist at the profile."""
        self._relations.setdefault(profile, set()).add(relation)

    def several_allowed(self, profile: str) -> None:
        """A REGISTER with `update-reg`: the profile's mode allows several registrations."""
        self.add(profile, APART)

    def may_coexist(self, row: Row, other: Row) -> bool:
        """Whether both can exist at the profile of `row`."""
        return relation_of(row, other) in self._relations.get(row.registrar, ())

    def clear(self) -> None:
        """A profile may have been given another mode since."""
        self._relations.clear()
