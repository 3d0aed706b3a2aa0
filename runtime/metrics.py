"""Every metric, declared once: what it counts and which labels it has."""

import threading
from collections.abc import Iterable, Mapping

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation

_meter = metrics.get_meter("rollcall")


class Tally:
    """A counter that is summed here and read by collectors. Thread-safe.

    OpenTelemetry's own counters take several times as long, and some count every event.
    """

    def __init__(self, name: str) -> None:
        self._sums: dict[frozenset[tuple[str, str]], int] = {}
        self._lock = threading.Lock()
        _meter.create_observable_counter(name, [self._observe], "1")

    def add(self, count: int, labels: Mapping[str, str] | None = None) -> None:
        """Count `count` more."""
        key = frozenset(labels.items()) if labels else frozenset()
        with self._lock:
            self._sums[key] = self._sums.get(key, 0) + count

    def _observe(self, options: CallbackOptions) -> Iterable[Observation]:
        del options
        with self._lock:
            sums = list(self._sums.items())
        return [Observation(count, dict(key)) for key, count in sums]


# Buckets of delays in seconds: a change takes milliseconds, and seconds where something is wrong.
_DELAYS = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5),
    *(1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0),
)

# -- several stages -------------------------------------------------------------------------------
# Records written to the topic and not processed by the stage yet. Labels: stage, topic.
LAG_RECORDS = _meter.create_gauge("rollcall_lag_records", "1")
# For how long the stage has not processed the topic's oldest such record. Labels: stage, topic.
LAG_SECONDS = _meter.create_gauge("rollcall_lag_seconds", "s")
# The number of partitions of a topic if it is not kafka.partitions, else 0. Labels: topic.
WRONG_PARTITIONS = _meter.create_gauge("rollcall_wrong_partitions", "1")

# -- producers ------------------------------------------------------------------------------------
# Events read from a source, before translation. Labels: source, node.
SOURCE_EVENTS = Tally("rollcall_source_events")
# Events that could not be used and went to dead letters. Labels: source, node, reason.
DEAD_LETTERS = Tally("rollcall_dead_letters")
# Events recognised as repeats and dropped. Labels: source, node.
SOURCE_DUPLICATES = Tally("rollcall_source_duplicates")
# Messages lost because they were received faster than they were published. Labels: source, node.
SOURCE_OVERFLOWS = Tally("rollcall_source_overflows")
# Datagrams, connections and events dropped because their sender is not allowed.
# Labels: source, node, reason.
SOURCE_REFUSED = Tally("rollcall_source_refused")
# 1 while the source is connected and subscribed. Labels: source, node.
SOURCE_CONNECTED = _meter.create_gauge("rollcall_source_connected", "1")
# Sockets of the SIP server that listen on a watched port. Labels: node, port.
LISTENERS = _meter.create_gauge("rollcall_sockets_listeners", "1")
# Calls that the media proxy lists. Labels: source, node.
MEDIA_CALLS = _meter.create_gauge("rollcall_media_calls", "1")
# Parts of a media proxy's answers that were not understood. Labels: source, node, cause.
MEDIA_UNREAD = Tally("rollcall_media_unread")
# Failed attempts to reach a source. Labels: source, node, reason.
SOURCE_FAILURES = Tally("rollcall_source_failures")
# Snapshots taken. Labels: source, node, outcome.
SNAPSHOTS = Tally("rollcall_snapshots")
# Records acknowledged by Kafka. Labels: topic.
PUBLISHED = Tally("rollcall_published")
# Records that Kafka will never accept (they go to dead letters). Labels: topic, reason.
PUBLISH_FAILURES = Tally("rollcall_publish_failures")
# Records waiting in the disk spool while Kafka is away.
SPOOLED = _meter.create_gauge("rollcall_spooled_records", "1")
# 1 while the spool is full and the source is not read.
SPOOL_FULL = _meter.create_gauge("rollcall_spool_full", "1")

# -- audit ----------------------------------------------------------------------------------------
# Bindings that differ between presence and the node's listing. Labels: node, kind.
AUDIT_DISAGREEMENTS = _meter.create_gauge("rollcall_audit_disagreements", "1")
# 1 while the last audit got no listing of the node: its other figures are older. Labels: node.
AUDIT_UNAUDITED = _meter.create_gauge("rollcall_audit_unaudited", "1")
# Bindings that the node listed: without any, no disagreement proves little. Labels: node.
AUDIT_BINDINGS = _meter.create_gauge("rollcall_audit_bindings", "1")
# When the node was last audited, seconds since the epoch. Labels: node.
AUDIT_TIME = _meter.create_gauge("rollcall_audit_last_time_seconds", "s")

# -- streams --------------------------------------------------------------------------------------
# Records folded. Labels: topic.
FOLDED = Tally("rollcall_folded")
# Events rejected by a fence; with the fence rule-failed: users that a sweep or a timer left
# unchanged because its rule raised. Labels: fence.
FENCED = Tally("rollcall_fenced")
# Presence changes published. Labels: cause.
PRESENCE_CHANGES = Tally("rollcall_presence_changes")
# Nodes whose lease expired. Labels: node.
NODES_LOST = Tally("rollcall_nodes_lost")
# Worker processes that ended by themselves and were started again. Labels: process.
WORKER_RESTARTS = Tally("rollcall_worker_restarts")
# The worker's tables in its own files. Labels: outcome (saved, not-saved, loaded, not-used).
SAVED_TABLES = Tally("rollcall_saved_tables")
# Seconds from the cause (node's clock) until Kafka has the change, of some changes of each batch.
PRESENCE_DELAY = _meter.create_histogram(
    "rollcall_presence_delay_seconds", "s", explicit_bucket_boundaries_advisory=_DELAYS
)
# The same of changes whose cause is the end of a connection.
CLOSE_DELAY = _meter.create_histogram(
    "rollcall_close_delay_seconds", "s", explicit_bucket_boundaries_advisory=_DELAYS
)

# -- calls ----------------------------------------------------------------------------------------
# Calls that are live or ended lately.
CALLS = _meter.create_gauge("rollcall_calls", "1")
# Call records published. Labels: state.
CALL_RECORDS = Tally("rollcall_call_records")
# Calls that were ended because no event of them came for too long.
CALLS_SILENT = Tally("rollcall_calls_silent")
# Media, speech and losses of calls of which no leg was reported. Labels: topic.
CALLS_UNMATCHED = Tally("rollcall_calls_unmatched")

# -- sinks ----------------------------------------------------------------------------------------
# Rows written. Labels: table.
ROWS = Tally("rollcall_clickhouse_rows")
# Failed writes, tried again. Labels: reason.
WRITE_FAILURES = Tally("rollcall_clickhouse_failures")
# Presence changes the user center acknowledged.
DELIVERED = Tally("rollcall_user_center_delivered")
# Outdated changes not sent because a newer one of the same user was waiting.
COALESCED = Tally("rollcall_user_center_coalesced")
# Failed deliveries, tried again. Labels: reason.
DELIVERY_FAILURES = Tally("rollcall_user_center_failures")

# -- gateway --------------------------------------------------------------------------------------
# Subscribers now. Labels: transport (sse, websocket, board).
GATEWAY_SUBSCRIBERS = _meter.create_gauge("rollcall_gateway_subscribers", "1")
# Messages sent to subscribers' connections.
GATEWAY_SENT = Tally("rollcall_gateway_sent")
# Outdated states not sent because a newer one of the same user was waiting for the subscriber.
GATEWAY_COALESCED = Tally("rollcall_gateway_coalesced")
# Subscribers disconnected because they received nothing for gateway.stalled_after.
GATEWAY_STALLED = Tally("rollcall_gateway_stalled")
# Requests not served. Labels: reason (full, starting, stopping, unauthorized, expired, keys, scope,
# origin, host, tickets, rate, address, token, watched, bad-query, unknown-user, unknown-call,
# not-acceptable, too-large, unsupported-type), and connections closed: connections, pending,
# timeout, stalled, buffered.
GATEWAY_REFUSED = Tally("rollcall_gateway_refused")
# Open connections, also those whose request is not complete.
GATEWAY_CONNECTIONS = _meter.create_gauge("rollcall_gateway_connections", "1")
# Users with a presence record.
GATEWAY_USERS = _meter.create_gauge("rollcall_gateway_users", "1")
# Call records and results of dialled calls that it does not keep. Labels: reason (full: more than
# gateway.calls_kept; undecodable).
GATEWAY_CALLS_DROPPED = Tally("rollcall_gateway_calls_dropped")
# 1 while no broker answers: subscribers get what was read before.
GATEWAY_KAFKA_AWAY = _meter.create_gauge("rollcall_gateway_kafka_away", "1")
# Seconds from a record's time in Kafka until it was sent, of one message in a hundred.
GATEWAY_DELAY = _meter.create_histogram(
    "rollcall_gateway_delay_seconds", "s", explicit_bucket_boundaries_advisory=_DELAYS
)
