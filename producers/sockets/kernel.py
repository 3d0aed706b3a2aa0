"""Queries to the kernel's socket diagnostics: one connection, or all of some ports."""

import _socket
import errno
import struct

from pyroute2.netlink import NETLINK_SOCK_DIAG

from producers.sockets import netlink, netlink_requests
from producers.sockets.errors import KernelRefuses, QueryFailed
from producers.sockets.netlink import Socket
from schemas.origin import Address

_ANSWER_TIME = struct.pack("@ll", 5, 0)  # struct timeval
_ANSWER_BYTES = 65536  # a dump comes in pieces of at most 32 KiB
_REFUSALS = (errno.EPERM, errno.EACCES, errno.EPROTONOSUPPORT, errno.EAFNOSUPPORT, errno.EINVAL)


class Kernel:
    """One netlink socket, for one thread at a time.

    `_socket` is never patched by gevent: an answer takes microseconds.
    """

    def __init__(self) -> None:
        """Raises KernelRefuses."""
        self._socket = self._open()

    def _open(self) -> _socket.socket:
        try:
            opened = _socket.socket(_socket.AF_NETLINK, _socket.SOCK_RAW, NETLINK_SOCK_DIAG)
        except OSError as error:
            raise refusal("opening NETLINK_SOCK_DIAG", error) from error
        # The kernel's own timeout: Python's would poll before each answer.
        opened.setsockopt(_socket.SOL_SOCKET, _socket.SO_RCVTIMEO, _ANSWER_TIME)
        return opened

    def close(self) -> None:
        self._socket.close()

    def exact(
        self, family: int, ends: bytes, cookie: int | None = None, *, info: bool = False
    ) -> Socket | None:
        """The socket with these ends, and this cookie if given; None when there is none.

        Without a cookie it may be the *listening* socket: check the state.
        Raises KernelRefuses, QueryFailed.
        """
        try:
            self._socket.send(netlink_requests.exact_request(family, ends, cookie, info=info))
            return next(netlink.sockets(self._socket.recv(_ANSWER_BYTES)), None)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno == errno.ESTALE:  # the ends are another incarnation's by now
                return None
            self._renew()
            raise refusal("an exact query", error) from error

    def dump(self, condition: bytes, states: int = netlink.DUMPED_STATES) -> list[Socket]:
        """Sockets of both families that meet the condition. Raises KernelRefuses, QueryFailed."""
        return [
            *self._dump(_socket.AF_INET, condition, states),
            *self._dump(_socket.AF_INET6, condition, states),
        ]

    def of_peer(self, remote: Address) -> list[Socket]:
        """Every connection to a peer, IPv4-mapped or not. Raises KernelRefuses, QueryFailed."""
        states = netlink.DUMPED_STATES & ~(1 << netlink.LISTEN)
        return self.dump(netlink_requests.of_peer(remote), states)

    def _dump(self, family: int, condition: bytes, states: int) -> list[Socket]:
        found: list[Socket] = []
        finished = False
        try:
            self._socket.send(netlink_requests.dump_request(family, condition, states))
            while not finished:
                data = self._socket.recv(_ANSWER_BYTES)
                finished = netlink.ends_dump(data)
                found.extend(netlink.sockets(data))
        except FileNotFoundError as error:
            if family == _socket.AF_INET6:
                return []  # a kernel without IPv6
            raise refusal("a dump", error) from error
        except (OSError, QueryFailed) as error:
            self._renew()
            raise (refusal("a dump", error) if isinstance(error, OSError) else error) from error
        return found

    def _renew(self) -> None:
        """Open a new socket: the rest of a broken answer must not be taken for the next one."""
        self._socket.close()
        self._socket = self._open()


def refusal(what: str, error: OSError) -> Exception:
    """The named error for an errno of the kernel."""
    if error.errno in _REFUSALS:
        return KernelRefuses(
            f"the kernel refuses {what}: {error}. Rollcall needs NETLINK_SOCK_DIAG with inet_diag "
            "and tcp_diag (CONFIG_INET_DIAG, CONFIG_INET_TCP_DIAG; modules that load on demand) "
            "and a seccomp profile that lets AF_NETLINK through"
        )
    return QueryFailed(f"{what}: {error}")
