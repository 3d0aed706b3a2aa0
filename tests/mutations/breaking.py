"""Ways to break a rule: each gives the module's source with one thing changed."""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

_OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}


@dataclass(frozen=True)
class Mutant:
    """`name` says where and what in words that survive edits elsewhere in the file.

    `statement` is the line on which the broken statement begins, 0 for what runs at import.
    """

    module: str
    name: str
    line: int
    statement: int
    source: str


def mutants(module: str, source: str) -> Iterator[Mutant]:
    """Every mutant of a module; names are unique."""
    tree = ast.parse(source)
    names: dict[str, int] = {}
    for path, where in _places(tree):
        for what, changed in _changes(_at(tree, path)):
            broken = copy.deepcopy(tree)
            _put(broken, path, changed)
            try:
                text = ast.unparse(ast.fix_missing_locations(broken))
                compile(text, module, "exec")
            except (SyntaxError, ValueError):
                continue
            name = f"{module}.{where}: {what}"
            names[name] = names.get(name, 0) + 1
            if names[name] > 1:
                name = f"{name} ({names[name]})"
            line = getattr(_at(tree, path), "lineno", 0)
            yield Mutant(module, name, line, _statement(tree, path), text)


Path = tuple[tuple[str, int | None], ...]


def _places(tree: ast.Module) -> Iterator[tuple[Path, str]]:
    """Every node within a function or a module's constants, and the name of that."""
    for number, top in enumerate(tree.body):
        path: Path = (("body", number),)
        if isinstance(top, ast.FunctionDef | ast.ClassDef):
            yield from _within(top, path, top.name)
        elif isinstance(top, ast.Assign) and isinstance(top.targets[0], ast.Name):
            yield from _within(top, path, top.targets[0].id)


def _within(node: ast.AST, path: Path, where: str) -> Iterator[tuple[Path, str]]:
    yield path, where
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list"):
            continue
        if isinstance(value, list):
            for number, child in enumerate(value):
                if isinstance(child, ast.AST):
                    inner = child.name if isinstance(child, ast.FunctionDef) else where
                    yield from _within(child, (*path, (field, number)), inner)
        elif isinstance(value, ast.AST):
            yield from _within(value, (*path, (field, None)), where)


def _at(tree: ast.AST, path: Path) -> ast.AST:
    node = tree
    for field, number in path:
        child = getattr(node, field)
        node = child if number is None else child[number]
    return node


def _statement(tree: ast.AST, path: Path) -> int:
    """The first line of the innermost statement of a function that holds the place."""
    line, node, within = 0, tree, False
    for field, number in path:
        child = getattr(node, field)
        node = child if number is None else child[number]
        if isinstance(node, ast.FunctionDef):
            line, within = 0, True
        elif within and isinstance(node, ast.stmt):
            line = node.lineno
    return line


def _put(tree: ast.AST, path: Path, changed: ast.AST) -> None:
    parent = _at(tree, path[:-1])
    field, number = path[-1]
    if number is None:
        setattr(parent, field, changed)
    else:
        getattr(parent, field)[number] = changed


def _changes(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    text = " ".join(ast.unparse(node).split()) if isinstance(node, ast.expr | ast.stmt) else ""
    match node:
        case ast.If():
            test = ast.unparse(node.test)
            if not isinstance(node.test, ast.BoolOp | ast.Compare):
                yield f"if not {test}", _with(node, test=ast.UnaryOp(ast.Not(), node.test))
            yield f"never if {test}", _with(node, test=ast.Constant(False))
        case ast.BoolOp() if len(node.values) > 1:
            for number, operand in enumerate(node.values):
                rest = node.values[:number] + node.values[number + 1 :]
                left = rest[0] if len(rest) == 1 else _with(node, values=rest)
                yield f"without {ast.unparse(operand)}", left
        case ast.Compare() if len(node.ops) == 1 and type(node.ops[0]) in _OPPOSITE:
            yield f"opposite of {text}", _with(node, ops=[_OPPOSITE[type(node.ops[0])]()])
        case ast.IfExp():
            yield f"always {ast.unparse(node.body)}", node.body
            yield f"always {ast.unparse(node.orelse)}", node.orelse
        case ast.comprehension(ifs=[_, *_]):
            yield f"any of {ast.unparse(node.iter)}", _with(node, ifs=[])
        case ast.Expr(value=ast.Call()) | ast.Delete():
            yield f"no {text}", ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript() | ast.Tuple()]):
            yield f"no {text}", ast.Pass()
        case ast.Set():
            for number, element in enumerate(node.elts):
                if len(node.elts) > 1:
                    rest = node.elts[:number] + node.elts[number + 1 :]
                    yield f"without {ast.unparse(element)}", _with(node, elts=rest)
        case ast.Call(func=ast.Name(id="timedelta"), keywords=[ast.keyword()]):
            yield f"no time instead of {text}", ast.Call(node.func, [], [])
        case ast.Call(func=ast.Name(id="max" | "min" as one)) if len(node.args) > 1:
            yield (
                f"opposite of {text}",
                _with(node, func=ast.Name("min" if one == "max" else "max", ast.Load())),
            )


def _with(node: ast.AST, **fields: object) -> ast.AST:
    changed = copy.copy(node)
    for field, value in fields.items():
        setattr(changed, field, value)
    return changed
