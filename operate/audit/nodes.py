"""`KIND:NAME=ADDRESS` texts, or the settings' own sections → the nodes to ask.

Everything but name and address (password, dialect, domain, timeouts) comes from the section of the
node's kind.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from operate.audit.freeswitch import FreeSwitch
from operate.audit.kamailio import Kamailio
from operate.audit.kernel import connections_to
from operate.audit.opensips import OpenSips
from operate.audit.registrar import AskKernel, Registrar, no_kernel
from producers.freeswitch.settings import FreeSwitchSettings
from producers.kamailio.settings import KamailioSettings
from producers.opensips.settings import OpenSipsSettings
from producers.sockets.settings import SocketsSettings
from runtime.settings import BadArgument, BadSettings, is_configured, load

_TEXT = re.compile(r"([a-z]+)(?::([^=]+))?=(\S+)").fullmatch
_HOST_PORT = re.compile(r"\[?([^\[\]]+?)\]?:([0-9]{1,5})").fullmatch


def nodes_of(texts: Sequence[str]) -> list[Registrar]:
    """The nodes that the texts name, or without texts those of the settings.

    Raises BadArgument, BadSettings.
    """
    kernels = _kernels()
    if texts:
        return [_named(text, kernels) for text in texts]
    found = [make({}, kernels) for kind, make in _KINDS.items() if is_configured(kind)]
    if not found:
        raise BadArgument(
            f"no node to audit: name some (KIND:NAME=ADDRESS), set audit.nodes, or have one of the "
            f"sections {', '.join(f'[{kind}]' for kind in _KINDS)}"
        )
    return found


def names_of(registrars: Sequence[Registrar]) -> list[str] | None:
    """The nodes' names; None where one of them is known only after it was asked."""
    if any(isinstance(one, FreeSwitch) and not one.is_named for one in registrars):
        return None
    return [one.label for one in registrars]


def _named(text: str, kernels: dict[str, AskKernel]) -> Registrar:
    match = _TEXT(text)
    kind, name, address = match.groups() if match else ("", None, "")
    make = _KINDS.get(kind)
    if make is None:
        raise BadArgument(f"{text!r} is not KIND:NAME=ADDRESS with KIND one of {', '.join(_KINDS)}")
    try:
        named = {"node": name} if name else {}
        return make({**named, **_ADDRESSES[kind](address)}, kernels)
    except BadSettings as error:
        raise BadArgument(f"{text!r}: {error}") from error


def _freeswitch(given: dict[str, Any], kernels: dict[str, AskKernel]) -> Registrar:
    settings = load(FreeSwitchSettings, **given)
    return FreeSwitch(settings, kernels.get(settings.node or "", no_kernel))


def _opensips(given: dict[str, Any], kernels: dict[str, AskKernel]) -> Registrar:
    settings = load(OpenSipsSettings, **given)
    return OpenSips(settings, kernels.get(settings.node, no_kernel))


def _kamailio(given: dict[str, Any], kernels: dict[str, AskKernel]) -> Registrar:
    settings = load(KamailioSettings, **given)
    return Kamailio(settings, kernels.get(settings.node, no_kernel))


def _kernels() -> dict[str, AskKernel]:
    """How to ask the kernel, for the node that `[sockets]` names in this network namespace."""
    if not is_configured(SocketsSettings.section):
        return {}
    settings = load(SocketsSettings)
    ports = [port.number for port in settings.sip_ports]
    return {settings.node: lambda: connections_to(ports)}


def _host_port(address: str) -> dict[str, Any]:
    match = _HOST_PORT(address)
    if match is None:
        raise BadArgument(f"{address!r} is not HOST:PORT")
    return {"host": match[1], "port": int(match[2])}


_KINDS: dict[str, Callable[[dict[str, Any], dict[str, AskKernel]], Registrar]] = {
    FreeSwitchSettings.section: _freeswitch,
    OpenSipsSettings.section: _opensips,
    KamailioSettings.section: _kamailio,
}
_ADDRESSES: dict[str, Callable[[str], dict[str, Any]]] = {
    FreeSwitchSettings.section: _host_port,
    OpenSipsSettings.section: lambda url: {"mi_url": url},
    KamailioSettings.section: lambda url: {"rpc_url": url},
}
