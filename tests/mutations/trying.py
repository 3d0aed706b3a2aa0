"""Trying a mutant: the fold tests and generated histories run on it in a process of its own."""

import importlib.abc
import importlib.machinery
import os
import resource
import sys
from collections.abc import Callable, Sequence
from types import CodeType, ModuleType

from tests.mutations.breaking import Mutant

TIMEOUT = 120  # seconds of the processor's time, the same on a busy machine; what hangs is noticed
HISTORIES = 1500
TESTS = (
    "tests/unit/test_registration_fold.py",
    "tests/unit/test_late_words.py",
    "tests/unit/test_pings.py",
    "tests/unit/test_remembered_ends.py",
    "tests/unit/test_connection_owners.py",
    "tests/unit/test_connection_ends.py",
    "tests/unit/test_connection_losses.py",
    "tests/unit/test_other_folds.py",
    "tests/unit/test_devices.py",
    "tests/unit/test_edge_late_words.py",
    "tests/unit/test_edge_joining.py",
    "tests/unit/test_edge_cut_off.py",
    "tests/unit/test_edge_departing.py",
    "tests/unit/test_edge_nodes.py",
    "tests/unit/test_lost_connections.py",
    "tests/unit/test_classic_races.py",
    "tests/unit/test_suspicion_and_grace.py",
    "tests/unit/test_leases.py",
    "tests/unit/test_leases_kept.py",
    "tests/unit/test_node_words.py",
    "tests/unit/test_node_ends.py",
    "tests/unit/test_late_reading.py",
    "tests/unit/test_media_join.py",
    "tests/unit/test_call_legs.py",
    "tests/unit/test_grace.py",
    "tests/unit/test_evidence.py",
    "tests/unit/test_complaints.py",
    "tests/unit/test_edge_captures.py",
    "tests/unit/test_state_machine.py",
)


class _Broken(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads one module from a mutant's source instead of its file."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        del path, target
        if name != self._mutant.module:
            return None
        return importlib.machinery.ModuleSpec(name, self)

    def exec_module(self, module: ModuleType) -> None:
        code: CodeType = compile(self._mutant.source, f"<{self._mutant.name}>", "exec")
        exec(code, module.__dict__)


def is_caught(mutant: Mutant) -> bool:
    """Whether anything notices. A crash and a hang are noticed too."""
    return not _in_child(lambda: _passes(mutant))


def _in_child(work: Callable[[], bool]) -> bool:
    """Whether `work` says so, in a fork that has not imported the streams yet."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (TIMEOUT, TIMEOUT))
            quiet = os.open(os.devnull, os.O_WRONLY)
            os.dup2(quiet, 1)
            os.dup2(quiet, 2)
            code = 0 if work() else 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _passes(mutant: Mutant) -> bool:
    sys.meta_path.insert(0, _Broken(mutant))
    from hypothesis import settings

    from tests.histories.history import play

    # A broken rule must be noticed each time, and not because the machine was busy.
    settings.register_profile("steady", deadline=None, derandomize=True, database=None)
    settings.load_profile("steady")
    if any(play(seed).wrong for seed in range(1, 200)):
        return False
    import pytest

    options = ["-x", "-q", "-p", "no:cacheprovider", "-W", "ignore"]
    if pytest.main([*options, *TESTS]) != 0:
        return False
    return not any(play(seed).wrong for seed in range(200, HISTORIES))
