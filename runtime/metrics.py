"""Every metric, declared once: what it counts and which labels it has."""

from opentelemetry import metrics

_meter = metrics.get_meter("rollcall")

# -- producers ------------------------------------------------------------------------------------
# Events read from a source, before translation. Labels: source, node.
SOURCE_EVENTS = _meter.create_counter("rollcall_source_events", "1")
# Events that could not be used and went to dead letters. Labels: source, node, reason.
DEAD_LETTERS = _meter.create_counter("rollcall_dead_letters", "1")
# Events recognised as repeats and dropped. Labels: source, node.
SOURCE_DUPLICATES = _meter.create_counter("rollcall_source_duplicates", "1")
# Messages lost because they came faster than they were published. Labels: source, node.
SOURCE_OVERFLOWS = _meter.create_counter("rollcall_source_overflows", "1")
# 1 while the source is connected and subscribed. Labels: source, node.
SOURCE_CONNECTED = _meter.create_gauge("rollcall_source_connected", "1")
# Sockets of the SIP server that listen on a watched port. Labels: node, port.
LISTENERS = _meter.create_gauge("rollcall_sockets_listeners", "1")
# Calls that the media proxy lists. Labels: source, node.
MEDIA_CALLS = _meter.create_gauge("rollcall_media_calls", "1")
# Failed attempts to reach a source. Labels: source, node, reason.
SOURCE_FAILURES = _meter.create_counter("rollcall_source_failures", "1")
# Snapshots taken. Labels: source, node, outcome.
SNAPSHOTS = _meter.create_counter("rollcall_snapshots", "1")
# Records handed to Kafka and acknowledged by it. Labels: topic.
PUBLISHED = _meter.create_counter("rollcall_published", "1")
# Records Kafka refused for good (they go to dead letters). Labels: topic, reason.
PUBLISH_FAILURES = _meter.create_counter("rollcall_publish_failures", "1")
# Records waiting in the disk spool while Kafka is away.
SPOOLED = _meter.create_gauge("rollcall_spooled_records", "1")
# 1 while the spool is full and the source is not read.
SPOOL_FULL = _meter.create_gauge("rollcall_spool_full", "1")

# -- audit ----------------------------------------------------------------------------------------
# What operators watch: bindings that presence and the node tell differently. Labels: node, kind.
AUDIT_DISAGREEMENTS = _meter.create_gauge("rollcall_audit_disagreements", "1")
# 1 while the last audit got no listing of the node, whose other figures are older. Labels: node.
AUDIT_UNAUDITED = _meter.create_gauge("rollcall_audit_unaudited", "1")
# Bindings that the node listed: no disagreement of none proves little. Labels: node.
AUDIT_BINDINGS = _meter.create_gauge("rollcall_audit_bindings", "1")
# When the node was last audited, seconds since the epoch. Labels: node.
AUDIT_TIME = _meter.create_gauge("rollcall_audit_last_time_seconds", "s")

# -- streams --------------------------------------------------------------------------------------
# Records folded. Labels: topic.
FOLDED = _meter.create_counter("rollcall_folded", "1")
# Events that changed nothing because a fence said so. Labels: fence.
FENCED = _meter.create_counter("rollcall_fenced", "1")
# Presence changes published. Labels: cause.
PRESENCE_CHANGES = _meter.create_counter("rollcall_presence_changes", "1")
# Nodes whose lease ran out. Labels: node.
NODES_LOST = _meter.create_counter("rollcall_nodes_lost", "1")
# Users in the session tables of this worker.
USERS = _meter.create_gauge("rollcall_users", "1")
# The worker's tables in its own files. Labels: outcome (saved, not-saved, loaded, not-used).
SAVED_TABLES = _meter.create_counter("rollcall_saved_tables", "1")
# Seconds from the cause (node's clock) to the publication of a change.
PRESENCE_DELAY = _meter.create_histogram("rollcall_presence_delay_seconds", "s")

# -- sinks ----------------------------------------------------------------------------------------
# Rows written. Labels: table.
ROWS = _meter.create_counter("rollcall_clickhouse_rows", "1")
# Failed writes, tried again. Labels: reason.
WRITE_FAILURES = _meter.create_counter("rollcall_clickhouse_failures", "1")
# Presence changes the user center acknowledged.
DELIVERED = _meter.create_counter("rollcall_user_center_delivered", "1")
# Outdated changes not sent because a newer one of the same user waited.
COALESCED = _meter.create_counter("rollcall_user_center_coalesced", "1")
# Failed deliveries, tried again. Labels: reason.
DELIVERY_FAILURES = _meter.create_counter("rollcall_user_center_failures", "1")

# -- gateway --------------------------------------------------------------------------------------
# Subscribers now. Labels: transport (sse, websocket).
GATEWAY_SUBSCRIBERS = _meter.create_gauge("rollcall_gateway_subscribers", "1")
# Messages handed to subscribers' connections.
GATEWAY_SENT = _meter.create_counter("rollcall_gateway_sent", "1")
# Outdated states not sent because a newer one of the same user waited for the same subscriber.
GATEWAY_COALESCED = _meter.create_counter("rollcall_gateway_coalesced", "1")
# Subscribers disconnected because they took nothing.
GATEWAY_STALLED = _meter.create_counter("rollcall_gateway_stalled", "1")
# Requests not served. Labels: reason (full, starting, stopping, unauthorized, origin, bad-query,
# unknown-user).
GATEWAY_REFUSED = _meter.create_counter("rollcall_gateway_refused", "1")
# Users with a presence record.
GATEWAY_USERS = _meter.create_gauge("rollcall_gateway_users", "1")
# 1 while no broker answers: subscribers are served what was read before.
GATEWAY_KAFKA_AWAY = _meter.create_gauge("rollcall_gateway_kafka_away", "1")
# Seconds from a record's time in Kafka to its being sent; one in a hundred sends.
GATEWAY_DELAY = _meter.create_histogram(
    "rollcall_gateway_delay_seconds",
    "s",
    explicit_bucket_boundaries_advisory=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5, 30),
)
