"""Which checks run which statement of the rules: only those can notice that it is broken."""

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from tests.mutations.applying import put_in_place

Statement = tuple[str, int]  # a module and a line; line 0 is what runs at import
_MARK = "_reached"


@dataclass
class Reach:
    """Names of checks for each statement, the fastest first; all of them for what has no line."""

    seconds: dict[str, float] = field(default_factory=dict)
    statements: dict[Statement, set[str]] = field(default_factory=dict)

    def add(self, check: str, seconds: float, statements: set[Statement]) -> None:
        """`check` took so long, and ran these."""
        self.seconds[check] = seconds
        for statement in statements:
            self.statements.setdefault(statement, set()).add(check)

    def of(self, module: str, line: int) -> list[str]:
        """The checks that run the statement."""
        found = self.statements.get((module, line), set()) if line else self.seconds
        return sorted(found, key=self.seconds.__getitem__)


def mark_statements(sources: Mapping[str, str]) -> Callable[[], set[Statement]]:
    """Let the modules note what they run, until the process ends; the result hands it over and
    starts anew. `sources` by the modules' names."""
    reached: set[Statement] = set()
    for module, source in sources.items():
        tree = ast.parse(source)
        for body in _bodies(tree):
            body[:] = [marked for node in body for marked in (_mark(module, node), node)]
        text = ast.unparse(ast.fix_missing_locations(tree))
        put_in_place(module, text, {_MARK: reached.add})

    def take() -> set[Statement]:
        taken = reached.copy()
        reached.clear()
        return taken

    return take


def _bodies(tree: ast.Module) -> Iterator[list[ast.stmt]]:
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    seen: set[int] = set()
    for function in functions:
        for node in ast.walk(function):
            for name in ("body", "orelse", "finalbody"):
                body = getattr(node, name, None)
                if isinstance(body, list) and body and id(body) not in seen:
                    seen.add(id(body))
                    yield body


def _mark(module: str, node: ast.stmt) -> ast.stmt:
    place = ast.Tuple([ast.Constant(module), ast.Constant(node.lineno)], ast.Load())
    return ast.Expr(ast.Call(ast.Name(_MARK, ast.Load()), [place], []))
