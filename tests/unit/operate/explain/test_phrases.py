"""Each value that folds and events use has a sentence, and no sentence is left over."""

import ast
from collections.abc import Iterator
from pathlib import Path

import streams
from operate.explain.differences import FLAGS
from operate.explain.phrases import CAUSES, KINDS, MARKS, REASONS
from schemas.vocabulary import CallKind, Cause, NodeKind, RegistrationKind
from streams.folds.connection import _CAUSE_OF, _SUSPICIONS
from streams.folds.outcome import rejected


def _constant(node: ast.expr, file: Path) -> str:
    assert isinstance(node, ast.Constant), f"{file.name}:{node.lineno}: no string literal"
    assert isinstance(node.value, str)
    return node.value


def _reasons(file: Path) -> Iterator[str]:
    """The fences that a module names: rejected("…"), fence="…", fences["…"]."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id == rejected.__name__:
                yield _constant(node.args[0], file)
            for keyword in node.keywords:
                if keyword.arg == "fence" and file.name != "outcome.py":
                    yield _constant(keyword.value, file)
        elif (
            isinstance(node, ast.Subscript)
            and isinstance(node.value, ast.Attribute)
            and node.value.attr == "fences"
            and not isinstance(node.slice, ast.Attribute)  # result.fence itself
        ):
            yield _constant(node.slice, file)


def test_each_fence_of_a_fold_has_a_sentence() -> None:
    folder = Path(str(streams.__file__)).parent
    given = {reason for file in sorted(folder.rglob("*.py")) for reason in _reasons(file)}
    assert len(given) > 15
    assert given == set(REASONS)


def test_each_value_of_the_vocabulary_has_a_sentence() -> None:
    assert set(CAUSES) == set(Cause)
    losses = {*_CAUSE_OF.values(), *_SUSPICIONS.values(), Cause.NODE_LOST}
    kinds = {*RegistrationKind, *CallKind, *NodeKind, *losses, "media", "unreadable"}
    assert {str(kind) for kind in KINDS} == {str(kind) for kind in kinds}
    assert set(MARKS) == {flag.replace("_", "-") for flag in FLAGS}
