"""Speech sessions of a call from two sources: the switch's, and the MRCP server's requests in them.

Pure. They are kept apart, each by its own last event, and joined in the record: so it does not
matter which source was read first. A request belongs to the leg's session of its kind during which
it began.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta

from schemas.call_record import CallSpeech, CallSpeechRequest
from schemas.vocabulary import Source

# Between the clocks of a switch and an MRCP server. sinks/clickhouse joins by the same.
CLOCKS_APART = timedelta(seconds=2)


def join(sessions: Iterable[CallSpeech]) -> list[CallSpeech]:
    """One of each session: with its requests, or a request that is in none."""
    known = sorted(sessions, key=lambda one: (one.started, one.session))
    uses = [one for one in known if one.source is not Source.MRCP]
    requests: dict[str, list[CallSpeech]] = {}
    alone = []
    for one in known:
        if one.source is Source.MRCP:
            use = _use_of(one, uses)
            if use is None:
                alone.append(one)
            else:
                requests.setdefault(use.session, []).append(one)
    return [_with(use, requests.get(use.session, [])) for use in uses] + alone


def separate(sessions: Iterable[CallSpeech]) -> Iterator[CallSpeech]:
    """The sessions of a record, by source again."""
    for one in sessions:
        yield replace(one, requests=[])
        for request in one.requests:
            yield CallSpeech(
                session=request.session,
                source=Source.MRCP,
                node=request.node,
                leg=one.leg,
                kind=one.kind,
                server=request.node,
                started=request.started,
                input_started=request.input_started,
                result=request.result,
                results=int(request.result is not None),
                ended=request.ended,
                cause=request.cause,
                latency=request.latency,
                channel=request.channel,
                seq=request.seq,
            )


def _use_of(request: CallSpeech, uses: list[CallSpeech]) -> CallSpeech | None:
    """The latest session that had begun, and not ended, when the request came."""
    for use in reversed(uses):
        if (use.leg, use.kind) == (request.leg, request.kind) and (
            use.started <= request.started + CLOCKS_APART
        ):
            is_open = use.ended is None or request.started <= use.ended + CLOCKS_APART
            return use if is_open else None
    return None


def _with(use: CallSpeech, requests: list[CallSpeech]) -> CallSpeech:
    """The switch's session, and what only the server has seen of it.

    The latency is the server's: between two messages of one clock, as they were sent.
    """
    if not requests:
        return use
    results = [one for one in requests if one.result is not None]
    joined = replace(use, requests=[_request(one) for one in requests])
    if results:
        last = results[-1]
        joined.cause = use.cause if use.results else last.cause
        joined.input_started = use.input_started or last.input_started
        joined.result = use.result or last.result
        joined.results = max(use.results, len(results))
        joined.latency = use.latency if last.latency is None else last.latency
    return joined


def _request(one: CallSpeech) -> CallSpeechRequest:
    return CallSpeechRequest(
        session=one.session,
        node=one.node,
        channel=one.channel,
        started=one.started,
        input_started=one.input_started,
        result=one.result,
        ended=one.ended,
        cause=one.cause,
        latency=one.latency,
        seq=one.seq,
    )
