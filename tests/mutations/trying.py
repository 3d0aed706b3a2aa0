"""Trying mutants: the checks, collected once, run on each in a fork of its own.

A check is a test of the folds, or a generated history. Only those that run the broken statement are
tried: first those that noticed the mutants before, and those of the module's own tests, then all
others, the fastest first.
"""

import gc
import os
import pickle
import resource
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import NoReturn

import pytest
from hypothesis import settings

from tests.histories.history import play
from tests.mutations.applying import break_rule
from tests.mutations.breaking import Mutant
from tests.mutations.reach import Reach, mark_statements

TIMEOUT = 120  # seconds of the processor's time, the same on a busy machine; what hangs is noticed
HISTORIES, REFRESHING = range(1, 1500), range(1, 100)
RECENT = 40  # checks that noticed a mutant, tried first: they notice its neighbours too
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
    "tests/unit/scenarios/test_short_refreshes.py",
)

_NOT_TRIED = 3
Tried = Callable[[Mutant, bool], None]


def try_all(mutants: Iterable[Mutant], sources: Mapping[str, str], jobs: int, tried: Tried) -> None:
    """Try each, `jobs` at a time; `tried` gets each, and whether anything noticed it.

    `sources`: the rules' modules. A crash and a hang are noticed too. Raises RuntimeError where
    the tests cannot be collected, a check fails with nothing broken, or a mutant cannot be put in
    its module's place: that is no notice.
    """
    # A broken rule must be noticed each time, and not because the machine was busy.
    settings.register_profile("steady", deadline=None, derandomize=True, database=None)
    settings.load_profile("steady")
    options = ["-s", "-p", "no:cacheprovider", "-p", "no:terminal", "-o", "addopts="]
    trials = _Trials(mutants, sources, jobs, tried)
    code = pytest.main([*options, "-W", "ignore", *TESTS], plugins=[trials])
    if code != pytest.ExitCode.OK:
        raise RuntimeError(f"pytest could not begin: {code!r}")


class _Trials:
    """In place of pytest's loop over the tests: a loop over the mutants, each in a fork."""

    def __init__(
        self, mutants: Iterable[Mutant], sources: Mapping[str, str], jobs: int, tried: Tried
    ) -> None:
        self._mutants = iter(mutants)
        self._sources = sources
        self._jobs = jobs
        self._tried = tried
        self._items: dict[str, pytest.Item] = {}
        self._histories = {f"history {seed}": partial(play, seed) for seed in HISTORIES}
        self._histories |= {
            f"refreshing history {seed}": partial(play, seed, refreshing=True)
            for seed in REFRESHING
        }
        self._reach = Reach()
        self._recent: deque[str] = deque(maxlen=RECENT)
        self._running: dict[int, tuple[Mutant, int]] = {}
        self._failed = ""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self._items = {item.nodeid: item for item in session.items}
        gc.freeze()  # the forks share what is there: a collection in each would copy all of it
        self._measure()
        for mutant in self._mutants:
            if len(self._running) >= self._jobs:
                self._wait()
            self._begin(mutant)
        while self._running:
            self._wait()
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._failed = report.nodeid

    def _measure(self) -> None:
        """Run every check once with nothing broken, and see how long it takes and what it runs."""
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            self._in_fork(lambda: self._run_all(writing))
        os.close(writing)
        with os.fdopen(reading, "rb") as result:
            measured = result.read()
        os.waitpid(child, 0)
        reach = pickle.loads(measured)
        if not isinstance(reach, Reach):
            raise RuntimeError(f"{reach} fails with nothing broken: see to that first")
        self._reach = reach

    def _run_all(self, writing: int) -> int:
        take, began = mark_statements(self._sources), time.process_time()
        reach, failed = Reach(), ""
        for check, failed in self._results((*self._items, *self._histories)):
            if failed:
                break
            reach.add(check, time.process_time() - began, take())
            began = time.process_time()
        with os.fdopen(writing, "wb") as result:
            pickle.dump(failed or reach, result)
        return 0

    def _begin(self, mutant: Mutant) -> None:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            self._in_fork(lambda: self._try(mutant, writing))
        os.close(writing)
        self._running[child] = mutant, reading

    def _wait(self) -> None:
        child, status = os.wait()
        mutant, reading = self._running.pop(child)
        with os.fdopen(reading) as notice:
            check = notice.read()
        if check:
            if check in self._recent:
                self._recent.remove(check)
            self._recent.appendleft(check)
        code = os.waitstatus_to_exitcode(status)
        if code == _NOT_TRIED:
            raise RuntimeError(f"{mutant.name} could not be put in its module's place")
        self._tried(mutant, code != 0)

    def _in_fork(self, run: Callable[[], int]) -> NoReturn:
        code = 1
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (TIMEOUT, TIMEOUT))
            quiet = os.open(os.devnull, os.O_WRONLY)
            os.dup2(quiet, 1)
            os.dup2(quiet, 2)
            code = run()
        finally:
            os._exit(code)

    def _try(self, mutant: Mutant, writing: int) -> int:
        try:
            break_rule(mutant)
        except Exception:
            return _NOT_TRIED
        results = self._results(self._likely_first(mutant))
        noticed = next((failed for _, failed in results if failed), "")
        os.write(writing, noticed.encode())
        return 1 if noticed else 0

    def _likely_first(self, mutant: Mutant) -> list[str]:
        reaching = dict.fromkeys(self._reach.of(mutant.module, mutant.statement))
        own = f"/test_{mutant.module.rpartition('.')[2]}"
        recent = [check for check in self._recent if check in reaching]
        return list(
            dict.fromkeys([*recent, *(name for name in reaching if own in name), *reaching])
        )

    def _results(self, checks: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Run the checks in turn: each with its name again if it fails, else an empty one."""
        tests = iter([self._items[check] for check in checks if check in self._items])
        following = next(tests, None)
        for check in checks:
            if check in self._histories:
                yield check, check if self._histories[check]().wrong else ""
                continue
            item, following = self._items[check], next(tests, None)
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            yield check, self._failed
