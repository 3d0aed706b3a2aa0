"""Whether the present schemas may follow the published ones, and which changes would break what.

Two versions meet in two ways, and each rule protects one of them:

- **Present readers, old records.** Kafka keeps what older writers wrote: for days, in compacted
  topics for ever, and a rebuild reads all of it. So a present reader must accept every record the
  published schema allows: no new required field, no type, null or value taken away, no bound
  tightened, no default changed (it is what an old record without the field now means).
- **Old readers, present records.** Readers are not upgraded in one moment with their writers, and
  some are not ours. So a reader of version n reads n+1: no field it knows is taken away or left
  out, and none holds a type, null or value that it cannot decode.

Allowed: new fields with a default, new topics, looser bounds (readers check types, not lengths),
new descriptions. A renamed field is a removed one and a new one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Schema = dict[str, Any]

_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_EXACT = ("pattern", "multipleOf", "uniqueItems")


class Rule(StrEnum):
    """What a change breaks; the comment names who is affected."""

    REMOVED_TOPIC = "removed topic"  # old readers
    REMOVED_FIELD = "removed field"  # old readers
    NEW_REQUIRED_FIELD = "new required field"  # old records
    NO_LONGER_REQUIRED = "no longer required"  # old readers: they find it missing
    NARROWED_TYPE = "narrowed type"  # old records
    WIDENED_TYPE = "widened type"  # old readers
    REMOVED_VALUE = "removed value"  # old records
    ADDED_VALUE = "added value"  # old readers: they cannot decode it
    TIGHTENED_BOUND = "tightened bound"  # old records
    CHANGED_DEFAULT = "changed default"  # old records: their meaning changes


@dataclass(frozen=True, slots=True)
class Incompatibility:
    """One change that may not be made. `where` is TOPIC.field.field."""

    rule: Rule
    where: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.rule}" + (f" ({self.detail})" if self.detail else "")


def compare_all(published: dict[str, Schema], present: dict[str, Schema]) -> list[Incompatibility]:
    """Incompatibilities of whole contracts, JSON Schemas by topic name."""
    found = []
    for topic, schema in published.items():
        if topic in present:
            found += compare(schema, present[topic], topic)
        else:
            found.append(Incompatibility(Rule.REMOVED_TOPIC, topic))
    return found


def compare(published: Schema, present: Schema, topic: str) -> list[Incompatibility]:
    """Incompatibilities of one topic's JSON Schema with the one published before it."""
    return list(_Comparison(published, present).schemas(published, present, topic))


class _Comparison:
    """Walks two documents at once; each resolves its own references."""

    def __init__(self, old_document: Schema, new_document: Schema) -> None:
        self._old, self._new = old_document, new_document
        self._walking: set[tuple[str, str]] = set()

    def schemas(self, old: Schema, new: Schema, where: str) -> Iterator[Incompatibility]:
        references = (old.get("$ref", ""), new.get("$ref", ""))
        if all(references):
            if references in self._walking:
                return  # a model that holds itself: being compared already
            self._walking.add(references)
        yield from self._resolved(old, new, where)
        self._walking.discard(references)

    def _resolved(self, old: Schema, new: Schema, where: str) -> Iterator[Incompatibility]:
        olds, news = _alternatives(self._old, old), _alternatives(self._new, new)
        for kind in olds.keys() - news.keys():
            # An integer is a number too.
            if not (kind == "integer" and "number" in news):
                yield Incompatibility(Rule.NARROWED_TYPE, where, f"{kind} is refused")
        for kind in news.keys() - olds.keys():
            yield Incompatibility(Rule.WIDENED_TYPE, where, f"{kind} is new")
        for kind in sorted(olds.keys() & news.keys()):
            yield from self._same_type(olds[kind], news[kind], where)

    def _same_type(self, old: Schema, new: Schema, where: str) -> Iterator[Incompatibility]:
        yield from _values(old, new, where)
        yield from _bounds(old, new, where)
        yield from self._fields(old, new, where)
        for name, suffix in (("items", "[]"), ("additionalProperties", "{}")):
            inner_old, inner_new = old.get(name, True), new.get(name, True)
            if isinstance(inner_old, dict) and isinstance(inner_new, dict):
                yield from self.schemas(inner_old, inner_new, where + suffix)
            elif inner_old is not False and inner_new is not True and inner_old != inner_new:
                yield Incompatibility(Rule.NARROWED_TYPE, where + suffix, f"{name} is restricted")
            elif inner_old != inner_new:
                yield Incompatibility(Rule.WIDENED_TYPE, where + suffix, f"{name} is freer")

    def _fields(self, old: Schema, new: Schema, where: str) -> Iterator[Incompatibility]:
        olds, news = old.get("properties", {}), new.get("properties", {})
        required_old, required_new = set(old.get("required", ())), set(new.get("required", ()))
        for name, schema in olds.items():
            field = f"{where}.{name}"
            if name not in news:
                twin = next((n for n, s in news.items() if n not in olds and s == schema), None)
                detail = f"renamed to {twin}?" if twin else ""
                yield Incompatibility(Rule.REMOVED_FIELD, field, detail)
                continue
            yield from self.schemas(schema, news[name], field)
            if name in required_old - required_new:
                yield Incompatibility(Rule.NO_LONGER_REQUIRED, field)
            elif name not in required_old | required_new and _default(schema) != _default(
                news[name]
            ):
                yield Incompatibility(Rule.CHANGED_DEFAULT, field)
        for name in sorted(required_new - required_old):
            yield Incompatibility(Rule.NEW_REQUIRED_FIELD, f"{where}.{name}")


def _default(schema: Schema) -> tuple[bool, Any]:
    return "default" in schema, schema.get("default")


def _alternatives(document: Schema, schema: Schema) -> dict[str, Schema]:
    """The schema by JSON type, references resolved; `any` where it names none."""
    found: dict[str, Schema] = {}
    for part in schema.get("anyOf", [schema]):
        if "anyOf" in part and part is not schema:
            found |= _alternatives(document, part)
            continue
        resolved = _resolve(document, part)
        if "anyOf" in resolved:
            found |= _alternatives(document, resolved)
            continue
        kinds = resolved.get("type", "any")
        for kind in [kinds] if isinstance(kinds, str) else kinds:
            # Two kinds of text (any text; a date and time) are two types to a reader.
            found[f"{kind} {resolved['format']}" if "format" in resolved else kind] = resolved
    return found


def _resolve(document: Schema, schema: Schema) -> Schema:
    while reference := schema.get("$ref"):
        schema = document["$defs"][reference.rpartition("/")[2]]
    return schema


def _values(old: Schema, new: Schema, where: str) -> Iterator[Incompatibility]:
    olds, news = _enumerated(old), _enumerated(new)
    if olds == news:
        return
    if olds is None:
        yield Incompatibility(Rule.REMOVED_VALUE, where, "only listed values are left")
    elif news is None:
        yield Incompatibility(Rule.ADDED_VALUE, where, "any value")
    else:
        for value in [value for value in olds if value not in news]:
            yield Incompatibility(Rule.REMOVED_VALUE, where, str(value))
        for value in [value for value in news if value not in olds]:
            yield Incompatibility(Rule.ADDED_VALUE, where, str(value))


def _enumerated(schema: Schema) -> list[Any] | None:
    values: list[Any] | None = [schema["const"]] if "const" in schema else schema.get("enum")
    return values


def _bounds(old: Schema, new: Schema, where: str) -> Iterator[Incompatibility]:
    for name in (*_UPPER, *_LOWER, *_EXACT):
        before, after = old.get(name), new.get(name)
        if after is None or before == after:
            continue
        looser = before is not None and (
            (name in _UPPER and after > before) or (name in _LOWER and after < before)
        )
        if not looser:
            yield Incompatibility(Rule.TIGHTENED_BOUND, where, f"{name} {before} -> {after}")
