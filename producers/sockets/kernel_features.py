"""What this kernel lets the watcher do: probed at the start, logged, and shown in /status."""

from dataclasses import asdict, dataclass
from typing import Any

from producers.sockets import netlink_requests
from producers.sockets.errors import KernelRefuses, QueryFailed
from producers.sockets.kernel import Kernel
from producers.sockets.notifications import Subscription
from producers.sockets.recorded import subscribe
from producers.sockets.settings import SocketsSettings
from runtime import logs

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class KernelFeatures:
    """`notifications`: address families that are notified about; None: there are only dumps."""

    dumps: bool
    notifications: list[str] | None
    refused: str | None
    buffer_bytes: int
    buffer_forced: bool
    filtered: bool

    def report(self) -> dict[str, Any]:
        return asdict(self)


def probe_features(
    settings: SocketsSettings, kernel: Kernel
) -> tuple[KernelFeatures, Subscription | None]:
    """Try everything once. Raises KernelRefuses when not even dumps are allowed."""
    ports = [port.number for port in settings.sip_ports]
    try:
        kernel.dump(netlink_requests.of_ports(ports))
    except QueryFailed as error:
        raise KernelRefuses(str(error)) from error
    try:
        subscription = subscribe(settings)
    except (KernelRefuses, QueryFailed) as error:
        features = KernelFeatures(True, None, str(error), 0, False, False)
        log.warning(
            "the kernel does not notify: ends are seen in dumps only, up to dump_seconds late",
            reason=str(error),
        )
        return features, None
    features = KernelFeatures(
        True,
        subscription.groups,
        None,
        subscription.buffer_bytes,
        subscription.buffer_forced,
        subscription.filtered,
    )
    log.info("kernel features", **features.report())
    if subscription.buffer_bytes < settings.receive_buffer_bytes:
        log.warning(
            "the receive buffer is smaller than receive_buffer_bytes: raise net.core.rmem_max or "
            "grant CAP_NET_ADMIN; after a burst that overflows it a dump shows what was lost",
            got=subscription.buffer_bytes,
            asked=settings.receive_buffer_bytes,
        )
    return features, subscription
