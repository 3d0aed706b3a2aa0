"""`rollcall run STAGE`: one long-running stage in this process."""

from importlib import import_module

from local.errors import BadArgument

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
    "audit": "local.auditing.stage",
    "reference-user-center": "local.reference_user_center.stage",
}


def run(stage: str) -> None:
    """Run until SIGTERM or SIGINT. Raises BadArgument for a stage there is not."""
    module = MODULES.get(stage)
    if module is None:
        raise BadArgument(f"no stage {stage!r}; there are {', '.join(MODULES)}")
    import_module(module).run()
