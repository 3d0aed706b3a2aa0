"""Each value that folds and events use has a sentence, and no sentence is left over."""

from pathlib import Path

import streams
from operate.explain.differences import FLAGS
from operate.explain.phrases import REASONS
from schemas.fences import Fence
from schemas.phrases import CAUSES, KINDS, MARKS
from schemas.vocabulary import CallKind, Cause, NodeKind, RegistrationKind
from streams.folds.connection import _CAUSE_OF, _SUSPICIONS


def test_each_fence_has_a_sentence_and_a_rule() -> None:
    assert set(REASONS) == set(Fence)
    folder = Path(str(streams.__file__)).parent
    source = "".join(file.read_text() for file in folder.rglob("*.py"))
    assert {fence for fence in Fence if f"Fence.{fence.name}" not in source} == set()


def test_each_value_of_the_vocabulary_has_a_sentence() -> None:
    assert set(CAUSES) == set(Cause)
    losses = {*_CAUSE_OF.values(), *_SUSPICIONS.values(), Cause.NODE_LOST}
    kinds = {*RegistrationKind, *CallKind, *NodeKind, *losses, "media", "unreadable"}
    assert {str(kind) for kind in KINDS} == {str(kind) for kind in kinds}
    assert set(MARKS) == {flag.replace("_", "-") for flag in FLAGS}
