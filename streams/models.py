"""The contract's models as the streams hold them: the same fields, made and coded at C speed.

Each class here is a msgspec Struct generated from the model of the same name in schemas/, so there
is one definition. What Kafka holds is the same JSON, without the fields that have their default.
For the type checker they *are* the models.
"""

import dataclasses
import typing
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from schemas import (
    call,
    connection,
    forgetting,
    internal,
    media,
    node,
    origin,
    presence,
    registration,
    session,
)
from schemas.codec import InvalidRecord, decode_with

if TYPE_CHECKING:
    from schemas.call import CallEvent as CallEvent
    from schemas.connection import ConnectionEvent as ConnectionEvent
    from schemas.forgetting import ForgetCommand as ForgetCommand
    from schemas.internal import CallOwner as CallOwner
    from schemas.internal import CallParty as CallParty
    from schemas.internal import ConnectionEnd as ConnectionEnd
    from schemas.internal import ConnectionLoss as ConnectionLoss
    from schemas.internal import ConnectionOwner as ConnectionOwner
    from schemas.internal import ConnectionState as ConnectionState
    from schemas.internal import MediaState as MediaState
    from schemas.internal import MediaUpdate as MediaUpdate
    from schemas.internal import NodeChange as NodeChange
    from schemas.internal import NodeState as NodeState
    from schemas.internal import Owner as Owner
    from schemas.media import MediaEvent as MediaEvent
    from schemas.node import NodeEvent as NodeEvent
    from schemas.origin import Address as Address
    from schemas.origin import Event as Event
    from schemas.presence import Presence as Presence
    from schemas.presence import PresenceBinding as PresenceBinding
    from schemas.presence import PresenceCall as PresenceCall
    from schemas.registration import RegistrationEvent as RegistrationEvent
    from schemas.session import Binding as Binding
    from schemas.session import EdgeConnection as EdgeConnection
    from schemas.session import EndedBinding as EndedBinding
    from schemas.session import EndedLeg as EndedLeg
    from schemas.session import Leg as Leg
    from schemas.session import LegMedia as LegMedia
    from schemas.session import Loss as Loss
    from schemas.session import Session as Session

# A time without a zone compares with no other: it must not get as far as a timer.
_ZONED = typing.Annotated[datetime, msgspec.Meta(tz=True)]
_structs: dict[Any, type[msgspec.Struct]] = {}


def struct_of(model: Any, *, omit_defaults: bool = True) -> Any:
    """The Struct for a dataclass model, nested models replaced by theirs."""
    known = _structs.get(model)
    if known is not None:
        return known
    hints = typing.get_type_hints(model)
    fields: list[Any] = []
    for field in dataclasses.fields(model):
        kind = _replaced(hints[field.name], omit_defaults)
        if field.default_factory is not dataclasses.MISSING:
            default = msgspec.field(default_factory=field.default_factory)
            fields.append((field.name, kind, default))
        elif field.default is not dataclasses.MISSING:
            fields.append((field.name, kind, _plain(field.default)))
        else:
            fields.append((field.name, kind))
    struct = msgspec.defstruct(
        model.__name__, fields, kw_only=True, omit_defaults=omit_defaults, gc=False, eq=True
    )
    _structs[model] = struct
    return struct


def _plain(default: Any) -> Any:
    """A dataclass field's default; pydantic keeps some as its own FieldInfo."""
    return getattr(default, "default", default) if hasattr(default, "annotation") else default


def _replaced(hint: Any, omit_defaults: bool) -> Any:
    if hint is datetime:
        return _ZONED
    if dataclasses.is_dataclass(hint):
        return struct_of(hint, omit_defaults=omit_defaults)
    arguments = typing.get_args(hint)
    if not arguments:
        return hint
    replaced = tuple(_replaced(argument, omit_defaults) for argument in arguments)
    origin_type = typing.get_origin(hint)
    if origin_type in (list, dict):
        return origin_type[replaced]
    return typing.Union[replaced]  # noqa: UP007 - made at run time


if not TYPE_CHECKING:
    # What subscribers read stays complete: no field is left out of presence.
    Presence = struct_of(presence.Presence, omit_defaults=False)
    for _module in (
        call,
        connection,
        forgetting,
        internal,
        media,
        node,
        origin,
        presence,
        registration,
        session,
    ):
        for _name, _model in vars(_module).items():
            if dataclasses.is_dataclass(_model):
                globals().setdefault(_name, struct_of(_model))

encode = msgspec.json.Encoder().encode
_decoders: dict[Any, Any] = {}


def decoder(model: Any) -> Any:
    """The msgspec decoder into the Struct of `model` (a schemas model or a class of this module).

    For hot loops, which ask for it once.
    """
    known = _decoders.get(model)
    if known is None:
        target = struct_of(model) if dataclasses.is_dataclass(model) else model
        known = _decoders[model] = msgspec.json.Decoder(target)
    return known


def decode(model: Any, data: bytes) -> Any:
    """Decode into the Struct of `model`. Raises InvalidRecord."""
    return decode_with(decoder(model), data)


__all__ = ["InvalidRecord", "decode", "decoder", "encode", "struct_of"]
