"""Trying mutants: the fold tests, collected once, run on each in a fork of its own."""

import gc
import os
import resource
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import NoReturn

import pytest
from hypothesis import settings

from tests.histories.history import play
from tests.mutations.applying import break_rule
from tests.mutations.breaking import Mutant

TIMEOUT = 120  # seconds of the processor's time, the same on a busy machine; what hangs is noticed
FIRST_HISTORIES = range(1, 100)
HISTORIES = range(100, 1500)
RECENT = 40  # tests that noticed a mutant, tried first: they notice its neighbours too
TESTS = (
    "tests/unit/streams/folds",
    "tests/unit/scenarios/test_fold_properties.py",
    "tests/unit/scenarios/test_listing_positions.py",
    "tests/unit/scenarios/test_connection_owners.py",
    "tests/unit/scenarios/test_edge_late_events.py",
    "tests/unit/scenarios/test_edge_joining.py",
    "tests/unit/scenarios/test_edge_cut_off.py",
    "tests/unit/scenarios/test_edge_departing.py",
    "tests/unit/scenarios/test_edge_nodes.py",
    "tests/unit/scenarios/test_classic_races.py",
    "tests/unit/scenarios/test_suspicion_and_grace.py",
    "tests/unit/scenarios/test_node_leases.py",
    "tests/unit/streams/batches/test_leases.py",
    "tests/unit/scenarios/test_node_events_out_of_order.py",
    "tests/unit/scenarios/test_catching_up.py",
    "tests/unit/scenarios/test_grace.py",
    "tests/unit/scenarios/test_evidence.py",
    "tests/unit/scenarios/test_complaints.py",
    "tests/unit/scenarios/test_edge_captures.py",
    "tests/unit/scenarios/test_state_machine.py",
)

_NOT_TRIED = 3
Tried = Callable[[Mutant, bool], None]


def try_all(mutants: Iterable[Mutant], jobs: int, tried: Tried) -> None:
    """Try each, `jobs` at a time; `tried` gets each, and whether anything noticed it.

    A crash and a hang are noticed too. Raises RuntimeError where the tests cannot be collected or
    a mutant cannot be put in its module's place: that is no notice.
    """
    # A broken rule must be noticed each time, and not because the machine was busy.
    settings.register_profile("steady", deadline=None, derandomize=True, database=None)
    settings.load_profile("steady")
    options = ["-s", "-p", "no:cacheprovider", "-p", "no:terminal", "-o", "addopts="]
    code = pytest.main([*options, "-W", "ignore", *TESTS], plugins=[_Trials(mutants, jobs, tried)])
    if code != pytest.ExitCode.OK:
        raise RuntimeError(f"pytest could not begin: {code!r}")


class _Trials:
    """In place of pytest's loop over the tests: a loop over the mutants, each in a fork."""

    def __init__(self, mutants: Iterable[Mutant], jobs: int, tried: Tried) -> None:
        self._mutants = iter(mutants)
        self._jobs = jobs
        self._tried = tried
        self._recent: deque[str] = deque(maxlen=RECENT)
        self._running: dict[int, tuple[Mutant, int]] = {}
        self._failed = ""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        gc.freeze()  # the forks share what is there: a collection in each would copy all of it
        for mutant in self._mutants:
            if len(self._running) >= self._jobs:
                self._wait()
            self._begin(session, mutant)
        while self._running:
            self._wait()
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._failed = report.nodeid

    def _begin(self, session: pytest.Session, mutant: Mutant) -> None:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            self._be_the_trial(session, mutant, writing)
        os.close(writing)
        self._running[child] = mutant, reading

    def _wait(self) -> None:
        child, status = os.wait()
        mutant, reading = self._running.pop(child)
        with os.fdopen(reading) as notice:
            test = notice.read()
        if test:
            if test in self._recent:
                self._recent.remove(test)
            self._recent.appendleft(test)
        code = os.waitstatus_to_exitcode(status)
        if code == _NOT_TRIED:
            raise RuntimeError(f"{mutant.name} could not be put in its module's place")
        self._tried(mutant, code != 0)

    def _be_the_trial(self, session: pytest.Session, mutant: Mutant, writing: int) -> NoReturn:
        code = _NOT_TRIED
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (TIMEOUT, TIMEOUT))
            quiet = os.open(os.devnull, os.O_WRONLY)
            os.dup2(quiet, 1)
            os.dup2(quiet, 2)
            if mutant.module:
                break_rule(mutant)
            code = 1
            code = 0 if self._passes(session, mutant) else 1
            os.write(writing, self._failed.encode())
        finally:
            os._exit(code)

    def _passes(self, session: pytest.Session, mutant: Mutant) -> bool:
        """Run what noticed the mutants before, the module's own tests, and then all the rest."""
        by_name = {item.nodeid: item for item in session.items}
        own = f"/test_{mutant.module.rpartition('.')[2]}"
        likely = dict.fromkeys(self._recent)
        likely.update(dict.fromkeys(name for name in by_name if own in name))
        if not self._all_pass(by_name[name] for name in likely):
            return False
        if any(play(seed).wrong for seed in FIRST_HISTORIES):
            return False
        if not self._all_pass(item for name, item in by_name.items() if name not in likely):
            return False
        return not any(play(seed).wrong for seed in HISTORIES)

    def _all_pass(self, items: Iterable[pytest.Item]) -> bool:
        for item, following in _with_next(items):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self._failed:
                return False
        return True


def _with_next(items: Iterable[pytest.Item]) -> Iterator[tuple[pytest.Item, pytest.Item | None]]:
    every = list(items)
    return zip(every, [*every[1:], None], strict=False)  # of none, none
