"""Putting a mutant in the place of a module that everything else has imported already."""

import importlib
import inspect
import sys
from collections.abc import Iterator, Mapping
from types import FunctionType, ModuleType

from tests.mutations.breaking import Mutant


def break_rule(mutant: Mutant) -> None:
    """Make the module the mutant until the process ends."""
    put_in_place(mutant.module, mutant.source, {})


def put_in_place(name: str, source: str, names: Mapping[str, object]) -> None:
    """Make the module what `source` says, for all that has imported from it, with more `names`.

    Functions and methods keep their identity and get the mutant's code; of constants every module's
    name for them is bound anew. What a constant was made from at import is not made again: the
    folds have no such constants.
    """
    module = importlib.import_module(name)
    broken = ModuleType(name)
    exec(compile(source, f"<{name}>", "exec"), broken.__dict__)
    vars(module).update(names)
    changed = dict(_functions(broken))
    for function_name, function in _functions(module):
        function.__code__ = changed[function_name].__code__
        function.__defaults__ = changed[function_name].__defaults__
    for constant, value in vars(broken).items():
        before = vars(module).get(constant)
        if not constant.startswith("__") and _is_constant(value) and value != before:
            _bind_anew(before, value)


def _functions(module: ModuleType) -> Iterator[tuple[str, FunctionType]]:
    for name, value in vars(module).items():
        if inspect.isfunction(value) and value.__module__ == module.__name__:
            yield name, value
        elif inspect.isclass(value) and value.__module__ == module.__name__:
            for inner, method in vars(value).items():
                if inspect.isfunction(method) and method.__module__ == module.__name__:
                    yield f"{name}.{inner}", method


def _is_constant(value: object) -> bool:
    return not (callable(value) or isinstance(value, ModuleType | dict))


def _bind_anew(before: object, value: object) -> None:
    for module in list(sys.modules.values()):
        for name, known in list(vars(module).items()):
            if known is before:
                setattr(module, name, value)
