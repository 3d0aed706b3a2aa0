"""rollcall.speech: what happened in each speech session of a call; each record has all of it."""

from datetime import datetime
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from schemas.origin import RECORD, Aor, Event, Identifier
from schemas.vocabulary import SpeechKind, SpeechResource

TEXT_MAX = 16_384


@dataclass(config=RECORD, slots=True, kw_only=True)
class SpeechEvent(Event):
    """One change of a speech session: a recogniser's or a synthesiser's work for one leg.

    A switch's session is one use by an application, an MRCP server's one request. Which requests
    belong to which use is decided where both are read (docs/mrcp.md).

    Each record repeats what earlier ones of the session hold, so that the last one, ENDED, is the
    whole session. A session may have several results; `result_at`, `cause` and `latency` are the
    latest one's.
    """

    kind: SpeechKind
    session: Annotated[Identifier, Field(description="Identity of the session.")]
    resource: SpeechResource
    leg: Annotated[
        Identifier,
        Field(
            description="The leg: `leg` in rollcall.calls; of an MRCP server what it was given as "
            "x-call-uuid, without one its `channel`."
        ),
    ]
    call: Annotated[Identifier | None, Field(description="`call` of that leg.")] = None
    aor: Annotated[Aor | None, Field(description="The leg's user; null for trunks and apps.")] = (
        None
    )
    engine: Annotated[Identifier | None, Field(description="The module: `unimrcp`, …")] = None
    server: Annotated[
        Identifier | None,
        Field(
            description="The MRCP profile of the server, or the server itself; null: not reported."
        ),
    ] = None
    channel: Annotated[
        Identifier | None,
        Field(description="MRCP channel (`ID@speechrecog`), of sources that see it."),
    ] = None
    started_at: datetime
    input_started_at: Annotated[
        datetime | None, Field(description="When the caller was heard to speak.")
    ] = None
    result_at: Annotated[datetime | None, Field(description="When the latest result came.")] = None
    results: Annotated[int, Field(ge=0, description="How many results came.")] = 0
    ended_at: datetime | None = None
    cause: Annotated[
        Identifier | None,
        Field(
            description="Completion cause of the latest result as RFC 6787 §9.4.11 names it, a "
            "number it does not name as text; where there was none, why the session ended: "
            "`grammar-error`, `asr-init-error`, `error`, `hangup`, `stopped`, `server-lost`, "
            "`node-lost`, `end-lost`, `closed`, `barge-in`, `status-NNN` (of the response); of a "
            "synthesiser `normal`."
        ),
    ] = None
    latency: Annotated[
        Annotated[float, Field(ge=0)] | None,
        Field(description="Seconds from the start of input to the latest result."),
    ] = None
    text: Annotated[
        Annotated[str, Field(max_length=TEXT_MAX)] | None,
        Field(
            description="The latest result (NLSML), only with `freeswitch.speech_text`, or "
            "`mrcp.text`."
        ),
    ] = None
