"""Every section of the settings with its model, and which of them this machine will use."""

from importlib import import_module

from runtime.settings import StageSettings, is_configured
from runtime.unknown_settings import SECTIONS

_MODELS = {
    "audit": "operate.audit.settings:AuditSettings",
    "calls": "calls.settings:CallsSettings",
    "clickhouse": "sinks.clickhouse.settings:ClickHouseSettings",
    "dialling": "dialling.settings:DiallingSettings",
    "forget": "operate.forget.settings:ForgetSettings",
    "freeswitch": "producers.freeswitch.settings:FreeSwitchSettings",
    "gateway": "sinks.gateway.settings:GatewaySettings",
    "kafka": "runtime.kafka:KafkaSettings",
    "kamailio": "producers.kamailio.settings:KamailioSettings",
    "mrcp": "producers.mrcp.settings:MrcpSettings",
    "opensips": "producers.opensips.settings:OpenSipsSettings",
    "publisher": "producers.publisher_settings:PublisherSettings",
    "reference_user_center": "local.reference_user_center.settings:ReferenceUserCenterSettings",
    "rtpengine": "producers.rtpengine.settings:RtpengineSettings",
    "sockets": "producers.sockets.settings:SocketsSettings",
    "streams": "streams.settings:StreamsSettings",
    "user_center": "sinks.user_center.settings:UserCenterSettings",
}
# Used without being configured: `rollcall up` runs with their defaults.
_ALWAYS = ("kafka", "publisher", "streams", "calls", "clickhouse", "gateway")


def used_sections() -> dict[str, type[StageSettings]]:
    """The models of the sections that have defaults or are configured, by name.

    Raises BadSettings where the settings file cannot be read.
    """
    others = [name for name in SECTIONS if name not in _ALWAYS and is_configured(name)]
    return {name: _model(name) for name in (*_ALWAYS, *others)}


def _model(name: str) -> type[StageSettings]:
    module, _, model = _MODELS[name].partition(":")
    found: type[StageSettings] = getattr(import_module(module), model)
    return found
