"""Mutants that change no result, each with the reason. They are not tried."""

HARMLESS: dict[str, str] = {
    "streams.folds.short_refresh.short_refresh: without event.binding is None": (
        "no binding's key is made of None"
    ),
    "streams.folds.short_refresh.short_refresh: without session.ended": (
        "without tombstones none concerns the event: only time is lost"
    ),
    "streams.folds.replaced_bindings.end_replaced: always binding_key(event.node, event.binding)": (
        "no binding's key is made of None"
    ),
    "streams.folds.binding_confirm._made_of: without ''": (
        "all callers check that there is a contact: the condition is for the type checker"
    ),
    "streams.folds.binding_confirm.confirm: always devices.shown(session)": (
        "shown is computed where it is not needed: only time is lost"
    ),
    "streams.folds.connection_owner.confirmed_already: without known.remote is not None": (
        "a binding with an owner has an address: the condition is for the type checker"
    ),
    "streams.folds.listed_row._began_before: without at is None": (
        "a process and the time of its last event are set together: for the type checker"
    ),
    "streams.folds.binding_confirm.confirm: without old.edge_lost": (
        "the rules for devices are applied too often, with the same result"
    ),
    "streams.folds.edge_loss._ended_before: without last is not None": (
        "a tombstone with a Call-ID has the time of the last report: for the type checker"
    ),
    "streams.folds.listed_before.fold_listed_before: without ''": (
        "an event that names no binding confirms none: for the type checker"
    ),
    "streams.folds.edge_join.join: without ''": (
        "a binding with a client's address at an edge has a Path: for the type checker"
    ),
    "streams.folds.edge_join._is_named: without ''": (
        "a binding with a client's address at an edge has a Path: for the type checker"
    ),
    "streams.folds.edge_join.is_not_listed: without ''": (
        "a binding with a client's address at an edge has a Path: for the type checker"
    ),
    "streams.folds.edge_join.is_not_listed: without remote is not None": (
        "the caller has checked it: for the type checker"
    ),
    "streams.folds.edges.is_joined: without binding.call_id == call_id": (
        "the rules for devices are applied too often, with the same result"
    ),
    "streams.folds.edges.is_joined: without binding.node != node": (
        "the rules for devices are applied too often, with the same result"
    ),
    "streams.folds.edges.is_joined: without t.call_id == call_id": (
        "the rules for devices are applied too often, with the same result"
    ),
    "streams.folds.edges.is_joined: without t.node != node": (
        "the rules for devices are applied too often, with the same result"
    ),
    "streams.folds.devices.live: never if len(bindings) == 1": (
        "a single binding is part of no other, and has no edge: only time is lost"
    ),
    "streams.folds.tombstones.clear_tombstone: never if not session.ended": (
        "without tombstones there is none to clear: only time is lost"
    ),
    "streams.folds.tombstones.clear_tombstone: without tombstone.remote is not None": (
        "a connection that ended had an address: for the type checker"
    ),
    "streams.folds.binding_end.end_binding: always devices.shown(session)": (
        "shown is computed where it is not needed: only time is lost"
    ),
    "streams.folds.previous_process.is_late: without node.boot != event.boot": (
        "the restart of the event's own process ends nothing: only time is lost"
    ),
    "streams.folds.previous_process.is_late: without event.at <= node.at": (
        "a restart before the event ends nothing of it: only time is lost"
    ),
    "streams.folds.call._start: always event.at": (
        "the time when a leg began decides by itself whether a listing may have missed it"
    ),
    "streams.folds.presence.effective: never if not session.calls": (
        "without calls there is no state to look at: only time is lost"
    ),
    "streams.folds.presence.current: without session.cause is None": (
        "the cause and its time are set together: the condition is for the type checker"
    ),
    "streams.folds.presence.current: without session.at is None": (
        "the cause and its time are set together: the condition is for the type checker"
    ),
}
