"""`rollcall run STAGE`: one long-running stage in this process."""

import gc
from importlib import import_module
from typing import Any

from runtime.settings import BadArgument

MODULES = {
    "freeswitch": "producers.freeswitch.stage",
    "opensips": "producers.opensips.stage",
    "kamailio": "producers.kamailio.stage",
    "sockets": "producers.sockets.stage",
    "rtpengine": "producers.rtpengine.stage",
    "streams": "streams.stage",
    "clickhouse": "sinks.clickhouse.stage",
    "user-center": "sinks.user_center.stage",
    "gateway": "sinks.gateway.stage",
    "audit": "operate.audit.stage",
    "reference-user-center": "local.reference_user_center.stage",
}


def run(stage: str) -> None:
    """Run until SIGTERM or SIGINT. Raises BadArgument for a stage there is not."""
    module = MODULES.get(stage)
    if module is None:
        raise BadArgument(f"no stage {stage!r}; there are {', '.join(MODULES)}")
    _imported(module).run()


def _imported(module: str) -> Any:
    """The module, with all that its imports made left alone by the collector: it stays for good.

    Walked again and again while it grows, it would cost a tenth of a stage's start.
    """
    gc.disable()
    try:
        return import_module(module)
    finally:
        gc.freeze()
        gc.enable()
