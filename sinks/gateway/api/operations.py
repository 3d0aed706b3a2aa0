"""All operations of the REST interface: the routes and the OpenAPI document are made of them."""

from sinks.gateway.api import call_records, calls, dialled_calls, explain, nodes, route, users
from sinks.gateway.api.call import Operation

# A path that begins as another one comes before it.
OPERATIONS: tuple[Operation, ...] = (
    route.ROUTE,
    explain.EXPLAIN,
    *users.OPERATIONS,
    nodes.NODES,
    *call_records.OPERATIONS,
    calls.CALLS,
    dialled_calls.DIALLED_CALL,
)
