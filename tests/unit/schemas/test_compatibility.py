"""schemas.compatibility: each incompatible change is caught by name, each allowed one passes."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from schemas import export, topics
from schemas.compatibility import Incompatibility, Rule, compare, compare_all

Schema = dict[str, Any]

BASE: Schema = {
    "$defs": {
        "State": {"type": "string", "enum": ["on", "off"]},
        "Address": {
            "type": "object",
            "properties": {"ip": {"type": "string", "maxLength": 255, "minLength": 1}},
            "required": ["ip"],
        },
    },
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 100, "pattern": "^a"},
        "count": {"type": "integer", "minimum": 0, "maximum": 9},
        "state": {"$ref": "#/$defs/State"},
        "peer": {"anyOf": [{"$ref": "#/$defs/Address"}, {"type": "null"}], "default": None},
        "at": {"type": "string", "format": "date-time"},
        "list": {"type": "array", "items": {"$ref": "#/$defs/Address"}},
        "map": {"type": "object", "additionalProperties": {"$ref": "#/$defs/Address"}},
        "flag": {"type": "boolean", "default": False},
    },
    "required": ["name", "count", "state", "at"],
}
Change = Callable[[Schema], object]


def changed(change: Change) -> Schema:
    schema = copy.deepcopy(BASE)
    change(schema)
    return schema


def field(schema: Schema, name: str) -> Schema:
    found: Schema = schema["properties"][name]
    return found


def address(schema: Schema) -> Schema:
    found: Schema = schema["$defs"]["Address"]
    return found


ALLOWED: dict[str, Change] = {
    "nothing": lambda _: None,
    "new field with a default": lambda s: s["properties"].update(
        extra={"type": "string", "default": ""}
    ),
    "new description": lambda s: field(s, "name").update(description="A name."),
    "longer text": lambda s: field(s, "name").update(maxLength=200),
    "no limit": lambda s: field(s, "name").pop("maxLength"),
    "no pattern": lambda s: field(s, "name").pop("pattern"),
    "lower minimum": lambda s: field(s, "count").update(minimum=-1),
    "higher maximum": lambda s: field(s, "count").update(maximum=10),
    "other order of values": lambda s: s["$defs"]["State"]["enum"].reverse(),
    "definition renamed": lambda s: (
        s["$defs"].update(Status=s["$defs"].pop("State")),
        field(s, "state").update({"$ref": "#/$defs/Status"}),
    ),
    "definition written in place": lambda s: s["properties"].update(
        state={"type": "string", "enum": ["on", "off"]}
    ),
}

CAUGHT: dict[str, tuple[Change, Rule, str]] = {
    "removed field": (lambda s: s["properties"].pop("flag"), Rule.REMOVED_FIELD, "t.flag"),
    "renamed field": (
        lambda s: s["properties"].update(sign=s["properties"].pop("flag")),
        Rule.REMOVED_FIELD,
        "t.flag",
    ),
    "new required field": (
        lambda s: (s["properties"].update(x={"type": "string"}), s["required"].append("x")),
        Rule.NEW_REQUIRED_FIELD,
        "t.x",
    ),
    "optional field required": (
        lambda s: s["required"].append("flag"),
        Rule.NEW_REQUIRED_FIELD,
        "t.flag",
    ),
    "required field optional": (
        lambda s: s["required"].remove("count"),
        Rule.NO_LONGER_REQUIRED,
        "t.count",
    ),
    "other type": (
        lambda s: field(s, "flag").update(type="string"),
        Rule.NARROWED_TYPE,
        "t.flag",
    ),
    "null refused": (
        lambda s: s["properties"].update(peer={"$ref": "#/$defs/Address", "default": None}),
        Rule.NARROWED_TYPE,
        "t.peer",
    ),
    "text must be a time": (
        lambda s: field(s, "name").update(format="date-time"),
        Rule.NARROWED_TYPE,
        "t.name",
    ),
    "null allowed": (
        lambda s: s["properties"].update(count={"anyOf": [field(s, "count"), {"type": "null"}]}),
        Rule.WIDENED_TYPE,
        "t.count",
    ),
    "integer becomes number": (
        lambda s: field(s, "count").update(type="number"),
        Rule.WIDENED_TYPE,
        "t.count",
    ),
    "removed value": (
        lambda s: s["$defs"]["State"]["enum"].remove("off"),
        Rule.REMOVED_VALUE,
        "t.state",
    ),
    "added value": (
        lambda s: s["$defs"]["State"]["enum"].append("held"),
        Rule.ADDED_VALUE,
        "t.state",
    ),
    "any value": (
        lambda s: s["properties"].update(state={"type": "string"}),
        Rule.ADDED_VALUE,
        "t.state",
    ),
    "only some values": (
        lambda s: field(s, "name").update(enum=["a"]),
        Rule.REMOVED_VALUE,
        "t.name",
    ),
    "shorter text": (
        lambda s: field(s, "name").update(maxLength=99),
        Rule.TIGHTENED_BOUND,
        "t.name",
    ),
    "new limit": (
        lambda s: field(s, "name").update(minLength=1),
        Rule.TIGHTENED_BOUND,
        "t.name",
    ),
    "higher minimum": (
        lambda s: field(s, "count").update(minimum=1),
        Rule.TIGHTENED_BOUND,
        "t.count",
    ),
    "lower maximum": (
        lambda s: field(s, "count").update(maximum=8),
        Rule.TIGHTENED_BOUND,
        "t.count",
    ),
    "other pattern": (
        lambda s: field(s, "name").update(pattern="^b"),
        Rule.TIGHTENED_BOUND,
        "t.name",
    ),
    "other default": (
        lambda s: field(s, "flag").update(default=True),
        Rule.CHANGED_DEFAULT,
        "t.flag",
    ),
    "unknown fields refused": (
        lambda s: s.update(additionalProperties=False),
        Rule.NARROWED_TYPE,
        "t{}",
    ),
}


@pytest.mark.parametrize("change", ALLOWED.values(), ids=ALLOWED)
def test_compatible_changes_pass(change: Change) -> None:
    assert compare(BASE, changed(change), "t") == []


@pytest.mark.parametrize(("change", "rule", "where"), CAUGHT.values(), ids=CAUGHT)
def test_incompatible_changes_are_named(change: Change, rule: Rule, where: str) -> None:
    found = compare(BASE, changed(change), "t")
    assert (rule, where) in [(item.rule, item.where) for item in found]


def test_inner_models_are_compared_wherever_they_are_used() -> None:
    def tighten(schema: Schema) -> None:
        address(schema)["properties"]["ip"]["maxLength"] = 45

    found = compare(BASE, changed(tighten), "t")
    assert {item.where for item in found} == {"t.peer.ip", "t.list[].ip", "t.map{}.ip"}


def test_every_rule_is_tested() -> None:
    assert {rule for _, rule, _ in CAUGHT.values()} | {Rule.REMOVED_TOPIC} == set(Rule)


def test_a_rename_is_recognised() -> None:
    found = compare(BASE, changed(CAUGHT["renamed field"][0]), "t")
    assert [str(item) for item in found] == ["t.flag: removed field (renamed to sign?)"]


def test_a_removed_topic_is_caught_and_a_new_one_is_not() -> None:
    found = compare_all({"t": BASE, "gone": BASE}, {"t": BASE, "new": BASE})
    assert found == [Incompatibility(Rule.REMOVED_TOPIC, "gone")]


def test_a_recursive_model_is_compared_once() -> None:
    tree: Schema = {
        "$defs": {
            "Node": {
                "type": "object",
                "properties": {
                    "name": {"type": "string", "maxLength": 9},
                    "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}},
                },
            }
        },
        "$ref": "#/$defs/Node",
    }
    shorter = copy.deepcopy(tree)
    shorter["$defs"]["Node"]["properties"]["name"]["maxLength"] = 8
    assert [item.rule for item in compare(tree, shorter, "t")] == [Rule.TIGHTENED_BOUND]


def test_the_contract_is_compatible_with_itself() -> None:
    present = {topic.name: export.json_schema(topic) for topic in topics.ALL}
    assert compare_all(present, copy.deepcopy(present)) == []
