"""Runs checks one after the other, and prints what each found."""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass


class Failed(Exception):
    """What was expected, and what came instead."""


class Skipped(Exception):
    """What the check would need."""


@dataclass(frozen=True, slots=True)
class Check:
    """`run` raises Failed or Skipped."""

    name: str
    run: Callable[[], None]


def report(checks: Iterable[Check]) -> int:
    """Print a line for each check; returns how many failed."""
    failed = passed = skipped = 0
    for check in checks:
        try:
            check.run()
        except Skipped as reason:
            skipped += 1
            sys.stdout.write(f"skip  {check.name}: {reason}\n")
        except Failed as reason:
            failed += 1
            sys.stdout.write(f"FAIL  {check.name}: {reason}\n")
        else:
            passed += 1
            sys.stdout.write(f"ok    {check.name}\n")
        sys.stdout.flush()
    sys.stdout.write(f"{passed} passed, {failed} failed, {skipped} skipped\n")
    return failed
