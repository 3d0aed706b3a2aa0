"""The doctor's checks of the sources: each configured SIP server is asked once."""

import socket
from typing import Any

from operate.doctor.check import SECONDS, CheckFailed
from producers.freeswitch.settings import FreeSwitchSettings
from producers.kamailio.lister import open_rpc
from producers.kamailio.settings import KamailioSettings
from producers.mrcp.log_entries import LogEntries
from producers.mrcp.settings import MrcpSettings
from producers.opensips.mi import open_mi
from producers.opensips.settings import OpenSipsSettings
from producers.rtpengine.errors import NgError
from producers.rtpengine.ng import open_ng
from producers.rtpengine.settings import RtpengineSettings
from producers.sip_proxy.errors import MiError
from producers.sockets import netlink_requests
from producers.sockets.errors import KernelRefuses, QueryFailed
from producers.sockets.recorded import open_kernel
from producers.sockets.settings import SocketsSettings
from runtime.settings import load

# Of the log, that has at least one entry.
_LOG_HEAD_BYTES = 65_536


def event_socket() -> str:
    """Whether FreeSWITCH's event socket accepts the password."""
    settings = load(FreeSwitchSettings)
    place = f"{settings.host}:{settings.port}"
    try:
        with socket.create_connection((settings.host, settings.port), SECONDS) as connection:
            connection.settimeout(SECONDS)
            stream = connection.makefile("rb")
            greeting = _block(stream)
            if b"auth/request" not in greeting:
                raise CheckFailed(
                    f"{place} refuses this address",
                    "add it to apply-inbound-acl in event_socket.conf.xml",
                )
            connection.sendall(f"auth {settings.password.get_secret_value()}\n\n".encode())
            if b"+OK" not in _block(stream):
                raise CheckFailed(f"{place} refuses the password", "set freeswitch.password")
    except OSError as error:
        raise CheckFailed(
            f"{place}: {error}",
            "check freeswitch.host and port, and that mod_event_socket is loaded",
        ) from error
    return f"{place} accepts the password"


def _block(stream: Any) -> bytes:
    lines = b""
    while (line := stream.readline(1024)) not in (b"\n", b""):
        lines += line
    return lines


def opensips() -> str:
    """Whether the management interface answers, where one is set."""
    settings = load(OpenSipsSettings)
    mi = open_mi(settings)
    if mi is None:
        return f"{settings.node}: events only, neither opensips.mi_url nor mi_fifo is set"
    place = settings.mi_url or settings.mi_fifo
    try:
        mi.call("uptime")
    except MiError as error:
        raise CheckFailed(
            f"{place}: {error}",
            "check opensips.mi_url or mi_fifo, and that its module is loaded",
        ) from error
    return f"{settings.node}: {place} answers"


def kamailio() -> str:
    """Whether evapi accepts a connection, and JSON-RPC answers, where it is set."""
    settings = load(KamailioSettings)
    host, _, port = settings.evapi.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), SECONDS).close()
    except OSError as error:
        raise CheckFailed(
            f"evapi at {settings.evapi}: {error}",
            "check kamailio.evapi, and the bind_addr of the module evapi",
        ) from error
    if settings.rpc_url is None:
        return f"{settings.node}: evapi answers; no snapshots, kamailio.rpc_url is not set"
    try:
        open_rpc(settings.rpc_url, settings).call("core.uptime")
    except MiError as error:
        raise CheckFailed(
            f"{settings.rpc_url}: {error}",
            "check kamailio.rpc_url, xhttp and jsonrpcs",
        ) from error
    return f"{settings.node}: evapi and JSON-RPC answer"


def mrcp() -> str:
    """Whether the MRCP server's log can be read, and has entries that can be."""
    settings = load(MrcpSettings)
    try:
        with settings.log.open("rb") as file:
            head = file.read(_LOG_HEAD_BYTES)
    except OSError as error:
        raise CheckFailed(
            f"{settings.log}: {error.strerror}",
            "check mrcp.log, that UniMRCP writes it (-o 2), and this user's right to read it",
        ) from error
    if head and next(LogEntries().feed(head), None) is None:
        raise CheckFailed(
            f"{settings.log} has no entries of UniMRCP's log",
            "check mrcp.log, and that logger.xml has the headers DATE and TIME",
        )
    return f"{settings.node}: {settings.log} is readable"


def rtpengine() -> str:
    """Whether rtpengine answers a ping."""
    settings = load(RtpengineSettings)
    place = settings.ng_url or settings.ng
    ng = open_ng(settings)
    try:
        ng.ask("ping")
    except NgError as error:
        raise CheckFailed(
            str(error), "check rtpengine.ng or ng_url, and rtpengine's listen-ng"
        ) from error
    finally:
        ng.close()
    return f"{settings.node}: {place} answers"


def kernel_sockets() -> str:
    """Whether this process may list the kernel's sockets."""
    settings = load(SocketsSettings)
    try:
        kernel = open_kernel(settings)
        ports = [port.number for port in settings.sip_ports]
        found = len(kernel.dump(netlink_requests.of_ports(ports)))
        kernel.close()
    except (KernelRefuses, QueryFailed) as error:
        raise CheckFailed(
            str(error), "run it in the host's network namespace, and allow NETLINK_SOCK_DIAG"
        ) from error
    return f"{found} connections to the ports {', '.join(map(str, settings.ports))}"
