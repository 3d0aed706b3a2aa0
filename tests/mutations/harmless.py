"""Mutants that change nothing anybody could see, each with the reason. They are not tried."""

HARMLESS: dict[str, str] = {
    "streams.replacing.end_replaced: always binding_key(event.node, event.binding)": (
        "no binding's key is made of None"
    ),
    "streams.confirming.confirm: without ''": (
        "its callers have seen to it that there is a contact"
    ),
    "streams.confirming.confirm: always devices.shown(session)": (
        "what is shown is looked at where nobody asks: only time is lost"
    ),
    "streams.confirming.confirmed_already: without known.remote is not None": (
        "what has an owner has an address: it is for the type checker"
    ),
    "streams.registration_fold._precedes: without at is None": (
        "a process and its last word's time are set together: the condition is for the type checker"
    ),
    "streams.confirming.confirm: without old.edge_lost": (
        "the rules for devices are asked too often, and answer the same"
    ),
    "streams.devices._ended_before: without last is not None": (
        "of what ended with a Call-ID the last word is remembered: it is for the type checker"
    ),
    "streams.edge_connections._look_at: without ''": (
        "what has a client's address at an edge has a Path: it is for the type checker"
    ),
    "streams.devices.is_joined: without binding.call_id == call_id": (
        "the rules for devices are asked too often, and answer the same"
    ),
    "streams.devices.is_joined: without binding.node != node": (
        "the rules for devices are asked too often, and answer the same"
    ),
    "streams.devices.is_joined: without g.call_id == call_id": (
        "the rules for devices are asked too often, and answer the same"
    ),
    "streams.devices.is_joined: without g.node != node": (
        "the rules for devices are asked too often, and answer the same"
    ),
    "streams.devices.live: never if len(bindings) == 1": (
        "a binding by itself is no part of another, and has no edge: only time is lost"
    ),
    "streams.endings.make_room: never if not session.ended": (
        "where nothing is remembered there is nothing to make room for: only time is lost"
    ),
    "streams.endings.make_room: without grave.remote is not None": (
        "a connection that ended had an address: the condition is for the type checker"
    ),
    "streams.endings.end_binding: always devices.shown(session)": (
        "what is shown is looked at where nobody asks: only time is lost"
    ),
    "streams.late_fold.is_late: without node.boot != event.boot": (
        "the restart of the process that spoke ends nothing: only time is lost"
    ),
    "streams.late_fold.is_late: without event.at <= node.at": (
        "the restart of before the event ends nothing of it: only time is lost"
    ),
    "streams.call_fold._start: always event.at": (
        "a leg that begins is as old as its beginning, and that decides by itself whether a listing"
        " may have missed it"
    ),
    "streams.presence_fold.effective: never if not session.calls": (
        "without calls there is none whose state counts: only time is lost"
    ),
    "streams.presence_fold.current: without session.cause is None": (
        "the cause and its time are set together: the condition is for the type checker"
    ),
    "streams.presence_fold.current: without session.at is None": (
        "the cause and its time are set together: the condition is for the type checker"
    ),
}
