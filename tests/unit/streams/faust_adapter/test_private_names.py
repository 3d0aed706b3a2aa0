"""Every private name of Faust, mode and aiokafka that the adapter relies on is still there.

An upgrade that loses or renames one fails here, with the name, before anything runs. A name that
the adapter begins to use, and a method that it begins to override, must be added to these tables.
"""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import aiokafka
import pytest
from aiokafka.consumer.fetcher import Fetcher, PartitionRecords
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.consumer.subscription_state import Assignment, SubscriptionState, TopicPartitionState
from faust import App, Table
from faust.stores.memory import Store
from faust.tables import TableManager
from faust.tables.recovery import Recovery
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport

import streams.faust_adapter
from streams.faust_adapter import app, consumer, consumer_thread, fetcher, recovery, store

FOLDER = Path(streams.faust_adapter.__path__[0])

# What is read, called or set from outside the class that defines it, and what methods of the
# adapter's subclasses use of their base.
USED: dict[type, set[str]] = {
    Consumer: {
        "_acked",
        "_committed_offset",
        "_get_active_partitions",
        "_getmany",
        "_is_changelog_tp",
        "_thread",
        "can_resume_flow",
        "commit_and_end_transactions",
        "flow_active",
    },
    AIOKafkaConsumerThread: {"_consumer", "_fetch_records", "_seek_wait"},
    aiokafka.AIOKafkaConsumer: {"_coordinator", "_fetcher", "_subscription"},
    Fetcher: {
        "_client",
        "_fetch_max_wait_ms",
        "_fetcher_timeout",
        "_get_actions_per_node",
        "_notify",
        "_records",
        "_subscriptions",
        "_wait_consume_future",
        "seek_to",
    },
    GroupCoordinator: {"fetch_committed_offsets", "member_id"},
    SubscriptionState: {"assigned_partitions", "subscription"},
    Assignment: {"state_value", "tps"},
    TopicPartitionState: {"has_valid_position", "highwater", "position", "timestamp"},
    Recovery: {
        "_recovery_started_at",
        "_set_recovery_ended",
        "_set_recovery_started",
        "active_highwaters",
        "active_offsets",
        "active_tps",
        "completed",
        "in_recovery",
        "need_recovery",
        "revoke",
        "signal_recovery_end",
        "tp_to_table",
    },
    TableManager: {"_recovery", "_update_channels"},
    App: {"consumer_generation_id", "crash_reason", "rebalancing"},
}

OVERRIDDEN: dict[type, tuple[type, set[str]]] = {
    app.StreamsApp: (App, {"__init__", "_new_transport"}),
    consumer.BatchConsumer: (
        Consumer,
        {
            "__init__",
            "_new_consumer_thread",
            "_new_offset",
            "getmany",
            "perform_seek",
            "verify_event_path",
            "wait_empty",
        },
    ),
    consumer.BatchTransport: (Transport, {"Consumer"}),
    consumer_thread.FetchThread: (
        AIOKafkaConsumerThread,
        {"_fetch_records", "_seek_wait", "on_start", "position", "seek_to_committed"},
    ),
    fetcher.LightRecords: (PartitionRecords, {"_consumer_record"}),
    recovery.BatchRecovery: (
        Recovery,
        {
            "__init__",
            "_build_offsets",
            "_publish_stats",
            "_set_recovery_started",
            "_slurp_changelogs",
            "on_recovery_completed",
        },
    ),
    recovery.BatchTables: (TableManager, {"_recovery", "on_rebalance", "on_start", "recovery"}),
    store.PartitionedStore: (Store, {"__post_init__", "on_rebalance", "on_recovery_completed"}),
    store.PartitionedTable: (Table, {"_new_store"}),
}


@pytest.mark.parametrize(
    ("owner", "name"), [(owner, name) for owner, names in USED.items() for name in sorted(names)]
)
def test_name_is_there(owner: type, name: str) -> None:
    assert name in _names(owner), f"{owner.__module__}.{owner.__name__} has no {name} any more"


@pytest.mark.parametrize("ours", OVERRIDDEN, ids=lambda ours: ours.__name__)
def test_overridden_names_are_those_of_the_base(ours: type) -> None:
    base, names = OVERRIDDEN[ours]
    lost = names - _names(base)
    assert not lost, f"{base.__module__}.{base.__name__} has no {sorted(lost)} any more"
    assert set(_defined(_tree(ours).body[0])) & _names(base) == names


def test_every_private_name_in_the_adapter_is_listed() -> None:
    listed = set().union(*USED.values(), *(names for _, names in OVERRIDDEN.values()))
    for path in sorted(FOLDER.glob("*.py")):
        tree = ast.parse(path.read_text())
        own = set(_assigned(tree))
        used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        private = {name for name in used if name.startswith("_") and not name.startswith("__")}
        assert not private - own - listed, f"{path.name} uses names that are not listed here"


@cache
def _names(owner: type) -> frozenset[str]:
    """Names of the class, and of the attributes that its methods, or its bases', assign."""
    found = set(dir(owner))
    for base in owner.__mro__[:-1]:
        found.update(getattr(base, "__annotations__", ()))
        try:
            found.update(_assigned(_tree(base)))
        except (OSError, TypeError):  # not written in Python
            continue
    return frozenset(found)


def _tree(owner: type) -> ast.Module:
    return ast.parse(textwrap.dedent(inspect.getsource(owner)))


def _assigned(tree: ast.AST) -> Iterator[str]:
    """Names that are assigned as attributes of `self`, or in a class."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                yield name
            case ast.ClassDef():
                yield from _defined(node)


def _defined(node: ast.stmt) -> Iterator[str]:
    """Names of the methods and attributes in a class's body."""
    assert isinstance(node, ast.ClassDef)
    for one in node.body:
        match one:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.Assign(targets=[ast.Name(id=name)]):
                yield name
