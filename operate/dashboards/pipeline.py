"""The dashboard of the pipeline: sources, streams, lag, sinks, gateway. Asked of Prometheus."""

from operate.dashboards.dashboard import PROMETHEUS, Dashboard, Row
from operate.dashboards.panel import Panel, Shape

_RATE = "[$__rate_interval]"


def _rate(metric: str, by: str = "") -> str:
    """How much a counter grows in a second, summed over everything but `by`."""
    summed = f"sum by ({by})" if by else "sum"
    return f"{summed} (rate({metric}{_RATE}))"


def _quantiles(metric: str) -> tuple[tuple[str, str], ...]:
    return tuple(
        (f"histogram_quantile({q}, sum by (le) (rate({metric}_bucket{_RATE})))", f"p{q * 100:g}")
        for q in (0.5, 0.95, 0.99)
    )


_SOURCES = Row(
    title="Sources",
    panels=(
        Panel(
            title="Sources connected",
            description="1 while the source is connected and subscribed: else its node's events "
            "are not read.",
            asks=(("min by (source, node) (rollcall_source_connected)", "{{source}} {{node}}"),),
            shape=Shape.TABLE,
            width=8,
        ),
        Panel(
            title="Events of sources",
            description="Read a second, before translation.",
            asks=((_rate("rollcall_source_events_total", "source, node"), "{{source}} {{node}}"),),
            unit="eps",
            width=8,
        ),
        Panel(
            title="Records published",
            description="Acknowledged by Kafka, a second, by topic.",
            asks=((_rate("rollcall_published_total", "topic"), "{{topic}}"),),
            unit="rps",
            width=8,
        ),
        Panel(
            title="Dead letters",
            description="Input that could not be used: read rollcall.dead-letters.",
            asks=(
                (
                    "sum by (source, reason) (increase(rollcall_dead_letters_total[1h]))",
                    "{{source}} {{reason}}",
                ),
            ),
            width=8,
        ),
        Panel(
            title="Spool",
            description="Records that wait on producers' disks while Kafka is away; full: the "
            "source is not read.",
            asks=(
                ("sum (rollcall_spooled_records)", "records"),
                ("sum (rollcall_spool_full)", "full spools"),
            ),
            width=8,
        ),
        Panel(
            title="Nodes lost",
            description="Leases that ran out within an hour: the node, its socket or its producer "
            "was silent.",
            asks=(("sum by (node) (increase(rollcall_nodes_lost_total[1h]))", "{{node}}"),),
            width=8,
        ),
    ),
)
_STREAMS = Row(
    title="Streams",
    panels=(
        Panel(
            title="Presence changes by cause",
            description="Published a second.",
            asks=((_rate("rollcall_presence_changes_total", "cause"), "{{cause}}"),),
            unit="cps",
            shape=Shape.AREAS,
        ),
        Panel(
            title="Presence delay",
            description="Seconds from the cause, by the node's clock, until Kafka has the change.",
            asks=_quantiles("rollcall_presence_delay_seconds"),
            unit="s",
        ),
        Panel(
            title="Presence delay, as a histogram",
            description="The same, by buckets.",
            asks=(
                (
                    "sum by (le) (increase(rollcall_presence_delay_seconds_bucket"
                    "[$__rate_interval]))",
                    "{{le}}",
                ),
            ),
            shape=Shape.HEATMAP,
            unit="s",
        ),
        Panel(
            title="Delay of ended connections",
            description="Seconds from a connection's end until Kafka has its user's loss.",
            asks=_quantiles("rollcall_close_delay_seconds"),
            unit="s",
        ),
        Panel(
            title="Fenced",
            description="Events that changed nothing, by the rule that rejected them. rule-failed "
            "must be 0.",
            asks=((_rate("rollcall_fenced_total", "fence"), "{{fence}}"),),
            unit="eps",
        ),
        Panel(
            title="Trouble",
            description="All must be 0: topics with a wrong number of partitions, worker processes "
            "started again within an hour, calls that ended in silence.",
            asks=(
                ("count (rollcall_wrong_partitions > 0) or vector(0)", "wrong topics"),
                ("sum (increase(rollcall_worker_restarts_total[1h])) or vector(0)", "restarts"),
                ("sum (increase(rollcall_calls_silent_total[1h])) or vector(0)", "silent calls"),
            ),
        ),
    ),
)
_LAG = Row(
    title="Lag",
    panels=(
        Panel(
            title="Lag, records",
            description="Written to the topic and not processed by the stage.",
            asks=(("sum by (stage, topic) (rollcall_lag_records)", "{{stage}} {{topic}}"),),
        ),
        Panel(
            title="Lag, seconds",
            description="For how long the oldest such record has not been processed.",
            asks=(("max by (stage, topic) (rollcall_lag_seconds)", "{{stage}} {{topic}}"),),
            unit="s",
        ),
    ),
)
_SINKS = Row(
    title="Sinks",
    panels=(
        Panel(
            title="Rows stored",
            description="Written to ClickHouse a second, by table.",
            asks=((_rate("rollcall_clickhouse_rows_total", "table"), "{{table}}"),),
            unit="rps",
            shape=Shape.AREAS,
        ),
        Panel(
            title="User center",
            description="Changes acknowledged, and outdated ones that were skipped, a second.",
            asks=(
                (_rate("rollcall_user_center_delivered_total"), "delivered"),
                (_rate("rollcall_user_center_coalesced_total"), "coalesced"),
            ),
            unit="rps",
        ),
        Panel(
            title="Failed attempts",
            description="Tried again: by the sink of ClickHouse, and by that of the user center.",
            asks=(
                (
                    "sum by (reason) (increase(rollcall_clickhouse_failures_total"
                    "[$__rate_interval]))",
                    "clickhouse {{reason}}",
                ),
                (
                    "sum by (reason) (increase(rollcall_user_center_failures_total"
                    "[$__rate_interval]))",
                    "user center {{reason}}",
                ),
            ),
            shape=Shape.BARS,
        ),
        Panel(
            title="Calls",
            description="Live or ended lately, by the calls stage; and its records a second.",
            asks=(
                ("sum (rollcall_calls)", "calls"),
                (_rate("rollcall_call_records_total", "state"), "records {{state}}"),
            ),
        ),
    ),
)
_GATEWAY = Row(
    title="Gateway",
    panels=(
        Panel(
            title="Subscribers",
            description="By transport; board: open pages.",
            asks=(("sum by (transport) (rollcall_gateway_subscribers)", "{{transport}}"),),
        ),
        Panel(
            title="Messages",
            description="Sent a second, and states skipped because a newer one was waiting.",
            asks=(
                (_rate("rollcall_gateway_sent_total"), "sent"),
                (_rate("rollcall_gateway_coalesced_total"), "coalesced"),
            ),
            unit="mps",
        ),
        Panel(
            title="Gateway delay",
            description="Seconds from a record's time in Kafka until it was sent.",
            asks=_quantiles("rollcall_gateway_delay_seconds"),
            unit="s",
        ),
        Panel(
            title="Turned away",
            description="Requests not served, by reason, and subscribers cut off because they took "
            "nothing.",
            asks=(
                (_rate("rollcall_gateway_refused_total", "reason"), "{{reason}}"),
                (_rate("rollcall_gateway_stalled_total"), "stalled"),
            ),
        ),
        Panel(
            title="Users",
            description="With a presence record, and whether no broker answers.",
            asks=(
                ("max (rollcall_gateway_users)", "users"),
                ("max (rollcall_gateway_kafka_away)", "Kafka away"),
            ),
        ),
        Panel(
            title="Audit",
            description="Bindings that differ between presence and a node's own listing: must be 0."
            " Needs the stage audit.",
            asks=(
                ("sum by (node, kind) (rollcall_audit_disagreements)", "{{node}} {{kind}}"),
                ("sum by (node) (rollcall_audit_unaudited)", "{{node}} unaudited"),
            ),
        ),
    ),
)
PIPELINE = Dashboard(
    uid="rollcall-pipeline",
    title="Rollcall: pipeline",
    description="Sources, streams, lag, sinks and gateway. Asked of Prometheus.",
    source=PROMETHEUS,
    rows=(_SOURCES, _STREAMS, _LAG, _SINKS, _GATEWAY),
    since="now-3h",
    refresh="30s",
)
