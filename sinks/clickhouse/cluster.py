"""Statements as a cluster runs them: definitions on all its replicas, of replicated tables (pure).

The numbered migrations and the views are written for one server; this is what makes them fit.
"""

import re
from dataclasses import dataclass

_NAME = r"[A-Za-z_][A-Za-z0-9_.]*"
# Definitions of one object: up to its name.
_DEFINITION = re.compile(
    rf"""\A(\s*(?:
        CREATE\s+(?:OR\s+REPLACE\s+)?(?:DATABASE|TABLE|MATERIALIZED\s+VIEW|VIEW)
            (?:\s+IF\s+NOT\s+EXISTS)?
        | (?:DROP|TRUNCATE)\s+(?:TABLE|VIEW)(?:\s+IF\s+EXISTS)?
        | ALTER\s+TABLE
    )\s+{_NAME})""",
    re.IGNORECASE | re.VERBOSE,
)
_RENAME = re.compile(r"\A\s*(?:RENAME|EXCHANGE)\s+TABLE", re.IGNORECASE)
_AS_OTHER = re.compile(rf"\A\s*CREATE\s+TABLE\b.*\sAS\s+{_NAME}\s*\Z", re.IGNORECASE | re.DOTALL)
_ENGINE = re.compile(
    r"\bENGINE\s*=\s*((?:Replacing|Aggregating|Summing|Coalescing)?MergeTree)\b(?:\(([^()]*)\))?"
)


@dataclass(frozen=True, slots=True)
class Cluster:
    """`name`: of the servers' `remote_servers`. `path`: of a table in Keeper, with the servers'
    macros; `{database}` and `{table}` are the table's."""

    name: str
    path: str


def everywhere(sql: str, cluster: Cluster | None) -> str:
    """A definition (CREATE, ALTER, DROP, TRUNCATE, RENAME) as all replicas of the cluster run it.

    Other statements are left as they are: replication brings what they change to the others. So
    is everything where there is no cluster.
    """
    if cluster is None:
        return sql
    on_cluster = f"ON CLUSTER '{cluster.name}'"
    if _RENAME.match(sql):
        return f"{sql.rstrip()} {on_cluster}"
    if not _DEFINITION.match(sql):
        return sql
    if _AS_OTHER.match(sql):
        # A copy of a replicated table would have the place in Keeper of the other one.
        sql = f"{sql.rstrip()} ENGINE = MergeTree ORDER BY tuple()"
    else:
        sql = replicated(sql, cluster)
    return _DEFINITION.sub(rf"\1 {on_cluster}", sql, count=1)


def replicated(sql: str, cluster: Cluster) -> str:
    """A definition whose MergeTree, if it has one, is replicated."""

    def engine(match: re.Match[str]) -> str:
        others = f", {match[2]}" if match[2] else ""
        return f"ENGINE = Replicated{match[1]}('{cluster.path}', '{{replica}}'{others})"

    return _ENGINE.sub(engine, sql, count=1)
