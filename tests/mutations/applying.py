"""Putting a mutant in the place of a module that everything else has imported already."""

import importlib
import inspect
import sys
from collections.abc import Iterator
from types import FunctionType, ModuleType

from tests.mutations.breaking import Mutant


def break_rule(mutant: Mutant) -> None:
    """Make the module the mutant, for all that has imported from it, until the process ends.

    Functions and methods keep their identity and get the mutant's code; of constants every module's
    name for them is bound anew. What a constant was made from at import is not made again: the
    folds have no such constants.
    """
    module = importlib.import_module(mutant.module)
    broken = ModuleType(mutant.module)
    exec(compile(mutant.source, f"<{mutant.name}>", "exec"), broken.__dict__)
    changed = dict(_functions(broken))
    for name, function in _functions(module):
        function.__code__ = changed[name].__code__
        function.__defaults__ = changed[name].__defaults__
    for name, value in vars(broken).items():
        before = vars(module).get(name)
        if not name.startswith("__") and _is_constant(value) and value != before:
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
