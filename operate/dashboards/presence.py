"""The dashboard of presence, its past and its causes: asked of ClickHouse."""

from operate.dashboards.dashboard import CLICKHOUSE, Dashboard, Row
from operate.dashboards.panel import Panel, Shape
from operate.dashboards.sql import AOR, DOMAIN, FROM, NODE, TO, of_question, online_by, steps
from operate.queries.catalogue import find
from schemas.vocabulary import Status

NOT_KNOWN = "not known"
# As on the gateway's board: grey is what is not known.
_COLOURS = {
    Status.ONLINE.value: "green",
    Status.ON_THE_PHONE.value: "red",
    Status.RINGING.value: "orange",
    Status.HELD.value: "purple",
    Status.OFFLINE.value: "transparent",
    NOT_KNOWN: "#8e8e8e",
}
# What the gateway calls confidence: of the user's best binding.
_IS_STALE = "p.reachable AND notEmpty(p.bindings) AND arrayAll(b -> b.stale, p.bindings)"
_IS_SUSPECT = (
    "p.reachable AND notEmpty(p.bindings) AND arrayAll(b -> b.stale OR b.suspect, p.bindings)"
    " AND NOT arrayAll(b -> b.stale, p.bindings)"
)
_COUNTS = (
    "count() AS users, countIf(p.reachable) AS reachable,"
    f' countIf({_IS_SUSPECT}) AS suspect, countIf({_IS_STALE}) AS "{NOT_KNOWN}"'
)
_OF_DOMAIN = f"({DOMAIN} = '' OR splitByChar('@', aor)[-1] = {DOMAIN})"
_OF_USER = f"{_OF_DOMAIN} AND ({AOR} = '' OR aor = {AOR})"


def _table(name: str, title: str, width: int = 12) -> Panel:
    """A named question as a table."""
    one = find(name)
    text = " ".join((one.question, *one.notes))
    return Panel(
        title=title,
        description=text,
        asks=((of_question(name), ""),),
        shape=Shape.TABLE,
        width=width,
    )


_NOW = Row(
    title="Now",
    panels=(
        Panel(
            title="Users now",
            description="As the gateway's board counts them. Suspect: the peer of their best "
            "connection stopped acknowledging. Not known: every binding is on a stale node.",
            asks=((f"SELECT {_COUNTS} FROM presence AS p WHERE {_OF_USER}", ""),),
            shape=Shape.FIGURES,
            width=12,
            height=4,
            colours={NOT_KNOWN: _COLOURS[NOT_KNOWN]},
        ),
        Panel(
            title="Users now, by status",
            description="Status is for people: calls first, then bindings.",
            asks=(
                (
                    "SELECT "
                    + ", ".join(f"countIf(status = '{one}') AS \"{one}\"" for one in Status)
                    + f" FROM presence WHERE {_OF_USER}",
                    "",
                ),
            ),
            shape=Shape.FIGURES,
            width=12,
            height=4,
            colours={name: colour for name, colour in _COLOURS.items() if name != "offline"},
        ),
        Panel(
            title="Nodes now",
            description="Users with a binding there; one with bindings on two nodes is at both.",
            asks=(
                (
                    f"SELECT node, {_COUNTS} FROM presence AS p"
                    f" ARRAY JOIN arrayDistinct(p.bindings.node) AS node WHERE {_OF_USER}"
                    " GROUP BY node ORDER BY users DESC, node",
                    "",
                ),
            ),
            shape=Shape.TABLE,
        ),
        Panel(
            title="Domains now",
            description="The domain of the user's address of record.",
            asks=(
                (
                    f"SELECT splitByChar('@', aor)[-1] AS domain, {_COUNTS} FROM presence AS p"
                    f" WHERE {_OF_USER} GROUP BY domain ORDER BY users DESC, domain",
                    "",
                ),
            ),
            shape=Shape.TABLE,
        ),
    ),
)
_OVER_TIME = Row(
    title="Who was there",
    panels=(
        Panel(
            title="Users by status",
            description="Grey: nothing was known, because their node was lost or every binding "
            "was stale. Whole minutes.",
            asks=((online_by(f"if(grey, '{NOT_KNOWN}', toString(status))", f"node = {NODE}"), ""),),
            shape=Shape.AREAS,
            width=24,
            height=9,
            colours=_COLOURS,
        ),
        Panel(
            title="Reachable users by node",
            description="A user with bindings on two nodes counts at both.",
            asks=(
                (
                    online_by(
                        f"if(grey, '{NOT_KNOWN}', toString(node))",
                        f"node != '' AND (reachable OR grey) AND ({NODE} = '' OR node = {NODE})",
                    ),
                    "",
                ),
            ),
            shape=Shape.LINES,
            colours={NOT_KNOWN: _COLOURS[NOT_KNOWN]},
        ),
        Panel(
            title="Reachable users by domain",
            description="Of any node, or of the chosen one.",
            asks=((online_by("toString(domain)", f"reachable AND node = {NODE}"), ""),),
            shape=Shape.LINES,
        ),
    ),
)
_LOSSES = Row(
    title="Why users became unreachable",
    panels=(
        Panel(
            title="Losses by cause",
            description="How often somebody who was reachable no longer was.",
            asks=(
                (
                    f"SELECT {steps('minute')} AS time, cause, sum(losses) AS losses\n"
                    f"FROM losses_by_minute\nWHERE node = {NODE} AND day >= toDate({FROM})"
                    f" AND minute >= toStartOfMinute({FROM}) AND minute < {TO}"
                    f" AND ({DOMAIN} = '' OR domain = {DOMAIN})\n"
                    "GROUP BY time, cause ORDER BY time, cause",
                    "",
                ),
            ),
            shape=Shape.BARS,
        ),
        _table("losses-by-cause", "Losses by cause, in all"),
        _table("mass-losses", "Mass losses"),
        _table("flapping", "Flapping users"),
    ),
)
_DELAYS = Row(
    title="How soon it was known",
    panels=(
        Panel(
            title="Detection delay",
            description="From the cause, by the clock of its node, until Kafka had the presence "
            "record. A clock that is wrong shows here, too.",
            asks=(
                (
                    f"SELECT {steps('at')} AS time,\n"
                    "    quantileExact(0.5)(date_diff('ms', at, published_at)) AS p50,\n"
                    "    quantileExact(0.99)(date_diff('ms', at, published_at)) AS p99\n"
                    f"FROM presence_history\nWHERE at >= {FROM} AND at < {TO}"
                    f" AND published_at IS NOT NULL AND {_OF_USER}\nGROUP BY time ORDER BY time",
                    "",
                ),
            ),
            unit="ms",
        ),
        _table("detection-delay", "Detection delay by cause"),
    ),
)
_REGISTRATIONS = Row(
    title="Registrations",
    panels=(
        Panel(
            title="Registrations by hour",
            description="Counted for as long as presence is kept.",
            asks=((of_question("registrations-over-time"), ""),),
            shape=Shape.BARS,
        ),
        _table("registrations-by-agent", "Clients"),
        _table("refused-by-reason", "Refused registrations"),
        _table("nodes", "Nodes: starts, stops, gaps"),
    ),
)
_CALLS = Row(
    title="Calls, media, speech",
    panels=(
        Panel(
            title="Answer rate",
            description=" ".join((find("answer-rate").question, *find("answer-rate").notes)),
            asks=((of_question("answer-rate"), ""),),
        ),
        _table("stuck-busy", "Stuck busy"),
        Panel(
            title="Media quality",
            description="What parties heard (RTCP, by rtpengine): the mean opinion score, 1 to 5.",
            asks=(
                (
                    f"SELECT {steps('at')} AS time, round(avg(stream.heard_mos), 2) AS mos,\n"
                    "    min(stream.heard_mos) AS lowest\n"
                    "FROM media ARRAY JOIN streams AS stream\n"
                    f"WHERE at >= {FROM} AND at < {TO} AND stream.heard_mos IS NOT NULL"
                    f" AND ({NODE} = '' OR node = {NODE})\nGROUP BY time ORDER BY time",
                    "",
                ),
            ),
        ),
        _table("media-quality", "Bad audio"),
        _table("speech", "Speech servers"),
        _table("extension-outcomes", "Dialled extensions"),
        _table("calls", "Calls", width=24),
    ),
)
PRESENCE = Dashboard(
    uid="rollcall-presence",
    title="Rollcall: presence",
    description="Who was reachable, why not, and how soon it was known. Asked of ClickHouse.",
    source=CLICKHOUSE,
    rows=(_NOW, _OVER_TIME, _LOSSES, _DELAYS, _REGISTRATIONS, _CALLS),
    lists=(
        (
            "node",
            "Node",
            "SELECT '' AS id, 'all' AS text UNION ALL SELECT toString(node), toString(node)"
            " FROM (SELECT DISTINCT node FROM nodes ORDER BY node)",
        ),
        (
            "domain",
            "Domain",
            "SELECT '' AS id, 'all' AS text UNION ALL SELECT domain, domain FROM"
            " (SELECT DISTINCT splitByChar('@', aor)[-1] AS domain FROM presence ORDER BY domain)",
        ),
    ),
    texts=(("aor", "User (sip:…)"),),
)
