"""`rollcall run STAGE`: one long-running stage in this process."""

import gc
from importlib import import_module
from typing import Any

from runtime.owner import end_with_owner
from runtime.settings import BadArgument

MODULES = {
    "freeswitch": "producers.freeswitch.stage",
    "opensips": "producers.opensips.stage",
    "kamailio": "producers.kamailio.stage",
    "sockets": "producers.sockets.stage",
    "rtpengine": "producers.rtpengine.stage",
    "mrcp": "producers.mrcp.stage",
    "streams": "streams.stage",
    "calls": "calls.stage",
    "clickhouse": "sinks.clickhouse.stage",
    "user-center": "sinks.user_center.stage",
    "gateway": "sinks.gateway.stage",
    "dialling": "dialling.stage",
    "audit": "operate.audit.stage",
    "reference-user-center": "local.reference_user_center.stage",
}


def run(stage: str, *, owned: bool = False) -> None:
    """Run until SIGTERM or SIGINT or, if `owned`, the end of stdin.

    Raises BadArgument for an unknown stage.
    """
    module = MODULES.get(stage)
    if module is None:
        raise BadArgument(f"unknown stage {stage!r}; the stages are {', '.join(MODULES)}")
    if owned:
        end_with_owner()
    _imported(module).run()


def _imported(module: str) -> Any:
    """Import the module, and exempt everything its imports made from garbage collection.

    Collecting it repeatedly while it grows costs a tenth of a stage's start.
    """
    gc.disable()
    try:
        return import_module(module)
    finally:
        gc.freeze()
        gc.enable()
