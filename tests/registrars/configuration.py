"""What the drivers do alike with a server's configuration and the options that change it. Pure."""

import dataclasses
import json
from collections.abc import Iterable
from typing import Any

Parameter = tuple[str, str, int | str]  # module, name, value


def changed(options: Any) -> str:
    """The name of an option set: the fields that are not as usual."""
    default = type(options)()
    values = {field.name: getattr(options, field.name) for field in dataclasses.fields(options)}
    found = [f"{name}={v}" for name, v in values.items() if v != getattr(default, name)]
    return " ".join(found) or "defaults"


def replaced(text: str, old: str, new: str) -> str:
    """A configuration with this one place changed."""
    assert text.count(old) == 1, f"the configuration has {old!r} {text.count(old)} times"
    return text.replace(old, new)


def modparams(parameters: Iterable[Parameter]) -> str:
    """Lines that set modules' parameters, as Kamailio and OpenSIPS read them."""
    return "".join(
        f'modparam("{module}", "{name}", {json.dumps(value)})\n'
        for module, name, value in parameters
    )
