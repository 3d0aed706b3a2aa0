"""What the operating system gives a gateway: its port, its connections' buffers, open files."""

import resource
import socket

from runtime import logs
from runtime.settings import BadSettings
from sinks.gateway.settings import GatewaySettings

log = logs.get(__name__)

# Connections that wait to be accepted.
BACKLOG = 4096
# Of one subscriber in the kernel, which doubles it; its own default grows to megabytes.
_SEND_BUFFER = 64 * 1024
# Open files beside subscribers' connections: Kafka's, the health server's, refused requests'.
_OTHER_FILES = 200


def connections_possible(subscribers: int, pending: int) -> tuple[int, int]:
    """How many subscribers this process may have open files for, and how many connections whose
    request is not complete: so many at most. Where files are short, those without a request get a
    quarter of them.

    Raises the soft limit of open files to the hard one.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard == resource.RLIM_INFINITY or subscribers + pending + _OTHER_FILES <= hard:
        return subscribers, pending
    pending = max(1, min(pending, hard // 4))
    possible = max(1, min(subscribers, hard - pending - _OTHER_FILES))
    log.warning(
        "open files limit the connections", open_files=hard, subscribers=possible, pending=pending
    )
    return possible, pending


def listen(settings: GatewaySettings) -> socket.socket:
    """The socket subscribers connect to. Raises BadSettings when the port is taken."""
    host, port = settings.host, settings.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio turns Nagle's algorithm off for accepted connections. They
    # inherit the options set here.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
    # A peer that is gone acknowledges nothing; by default the kernel would wait 15 minutes.
    user_timeout = 2 * settings.stalled_after.total_seconds()
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(user_timeout * 1000))
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise BadSettings(f"gateway.port={port} on {host}: {error}") from error
    return listener
