"""From which addresses an intake that listens takes events; checked before a byte is parsed.

Datagrams and streams of SIP servers and media proxies are not authenticated: any host that can send
one could make a user reachable at an address of its own. UDP's source address can be forged where
the network lets it pass; on loopback it cannot (martians are dropped).
"""

import ipaddress
import socket
from collections import OrderedDict
from collections.abc import Iterable

from runtime import logs, metrics
from runtime.settings import BadSettings

log = logs.get(__name__)

# "local": this host's own addresses, loopback included.
LOCAL = "local"
_REMEMBERED = 1000
_LOGGED = 100
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class AllowedSenders:
    """Decides; counts (`rollcall_source_refused`), and logs once a sender and cause, boundedly."""

    def __init__(self, allowed: Iterable[str], source: str, node: str) -> None:
        """`allowed`: IP addresses, networks, `local`. Raises BadSettings."""
        self._labels = {"source": source, "node": node}
        self._local = False
        self._networks: list[_Network] = []
        for one in allowed:
            if one == LOCAL:
                self._local = True
                continue
            try:
                self._networks.append(ipaddress.ip_network(one))
            except ValueError as error:
                raise BadSettings(f"{source}.allowed_senders={one!r}: {error}") from error
        self._known: OrderedDict[str, bool] = OrderedDict()
        self._logged: set[tuple[str, str]] = set()

    def allows(self, sender: str) -> bool:
        """Whether events from this IP address are taken; one that is not is counted."""
        known = self._known.get(sender)
        if known is None:
            known = self._known[sender] = self._is_allowed(sender)
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        if not known:
            self.refused(sender, "sender")
        return known

    def refused(self, sender: str, reason: str) -> None:
        """Count what is not taken from `sender`; `reason` is the metric's label."""
        metrics.SOURCE_REFUSED.add(1, {**self._labels, "reason": reason})
        if (sender, reason) not in self._logged and len(self._logged) < _LOGGED:
            self._logged.add((sender, reason))
            log.warning("events refused", sender=sender, reason=reason, **self._labels)

    def _is_allowed(self, sender: str) -> bool:
        try:
            address = _plain(ipaddress.ip_address(sender.partition("%")[0]))
        except ValueError:
            return False
        if any(address in network for network in self._networks):
            return True
        return self._local and (address.is_loopback or _is_own(address))


def _plain(address: _Address) -> _Address:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _is_own(address: _Address) -> bool:
    """Whether this host has the address: a socket connected to it has it, too (no packet is sent).

    Not by bind(), which net.ipv4.ip_nonlocal_bind allows for any address.
    """
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(address), 9))
            own: str = probe.getsockname()[0]
    except OSError:
        return False
    return own.partition("%")[0] == str(address)
