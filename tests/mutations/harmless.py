"""Mutants that change nothing anybody could see, each with the reason. They are not tried."""

HARMLESS: dict[str, str] = {
    "streams.folds.replaced_bindings.end_replaced: always binding_key(event.node, event.binding)": (
        "no binding's key is made of None"
    ),
    "streams.folds.binding_confirm.confirm: without ''": (
        "its callers have seen to it that there is a contact"
    ),
    "streams.folds.binding_confirm.confirm: always devices.shown(session)": (
        "what is shown is looked at where nobody asks: only time is lost"
    ),
    "streams.folds.connection_owner.confirmed_already: without known.remote is not None": (
        "what has an owner has an address: it is for the type checker"
    ),
    "streams.folds.listed_row._began_before: without at is None": (
        "a process and its last word's time are set together: the condition is for the type checker"
    ),
    "streams.folds.binding_confirm.confirm: without old.edge_lost": (
        "the rules for devices are asked too often, and answer the same"
    ),
    "streams.folds.edge_loss._ended_before: without last is not None": (
        "of what ended with a Call-ID the last word is remembered: it is for the type checker"
    ),
    "streams.folds.listed_before.fold_listed_before: without ''": (
        "an event that names no binding confirms none: it is for the type checker"
    ),
    "streams.folds.edge_connections.join: without ''": (
        "what has a client's address at an edge has a Path: it is for the type checker"
    ),
    "streams.folds.edge_connections._is_named: without ''": (
        "what has a client's address at an edge has a Path: it is for the type checker"
    ),
    "streams.folds.edge_connections.is_not_there: without ''": (
        "what has a client's address at an edge has a Path: it is for the type checker"
    ),
    "streams.folds.edge_connections.is_not_there: without remote is not None": (
        "the caller has seen to it: it is for the type checker"
    ),
    "streams.folds.edges.is_joined: without binding.call_id == call_id": (
        "the rules for devices are asked too often, and answer the same"
    ),
    "streams.folds.edges.is_joined: without binding.node != node": (
        "the rules for devices are asked too often, and answer the same"
    ),
    "streams.folds.edges.is_joined: without t.call_id == call_id": (
        "the rules for devices are asked too often, and answer the same"
    ),
    "streams.folds.edges.is_joined: without t.node != node": (
        "the rules for devices are asked too often, and answer the same"
    ),
    "streams.folds.devices.live: never if len(bindings) == 1": (
        "a binding by itself is no part of another, and has no edge: only time is lost"
    ),
    "streams.folds.tombstones.clear_tombstone: never if not session.ended": (
        "where nothing is remembered there is nothing to make room for: only time is lost"
    ),
    "streams.folds.tombstones.clear_tombstone: without tombstone.remote is not None": (
        "a connection that ended had an address: the condition is for the type checker"
    ),
    "streams.folds.binding_end.end_binding: always devices.shown(session)": (
        "what is shown is looked at where nobody asks: only time is lost"
    ),
    "streams.folds.previous_process.is_late: without node.boot != event.boot": (
        "the restart of the process that spoke ends nothing: only time is lost"
    ),
    "streams.folds.previous_process.is_late: without event.at <= node.at": (
        "the restart of before the event ends nothing of it: only time is lost"
    ),
    "streams.folds.call._start: always event.at": (
        "a leg that begins is as old as its beginning, and that decides by itself whether a listing"
        " may have missed it"
    ),
    "streams.folds.presence.effective: never if not session.calls": (
        "without calls there is none whose state counts: only time is lost"
    ),
    "streams.folds.presence.current: without session.cause is None": (
        "the cause and its time are set together: the condition is for the type checker"
    ),
    "streams.folds.presence.current: without session.at is None": (
        "the cause and its time are set together: the condition is for the type checker"
    ),
}
