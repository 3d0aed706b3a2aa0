"""Parameters from a request's path, query string and body, checked by their models (pure)."""

from typing import Annotated, Any, TypeVar, get_origin

from pydantic import BeforeValidator, ValidationError

from sinks.gateway.api.call import Parameters
from sinks.gateway.errors import BadQuery
from sinks.gateway.query import aor_in, domain_in, fields_in

P = TypeVar("P", bound=Parameters)


def _canonical_aor(value: Any) -> Any:
    return _converted(aor_in, value)


def _canonical_domain(value: Any) -> Any:
    return _converted(domain_in, value)


def _converted(convert: Any, value: Any) -> Any:
    """As pydantic wants it: ValueError for what is wrong."""
    if not isinstance(value, str):
        return value  # the type that follows refuses it
    try:
        return convert(value)
    except BadQuery as error:
        raise ValueError(str(error)) from error


def _bool_in(value: Any) -> Any:
    """Of the texts that pydantic takes for a boolean, one each."""
    if isinstance(value, str):
        if value not in ("true", "false"):
            raise ValueError("neither true nor false")
        return value == "true"
    return value


def _number_in(value: Any) -> Any:
    if isinstance(value, str) and not (value.isascii() and value.isdigit() and len(value) < 10):
        raise ValueError("not a number")
    return value


Bool = Annotated[bool, BeforeValidator(_bool_in)]
Number = Annotated[int, BeforeValidator(_number_in)]
CanonicalAor = Annotated[str, BeforeValidator(_canonical_aor)]
Domain = Annotated[str, BeforeValidator(_canonical_domain)]


def from_query(model: type[P], query: bytes) -> P:
    """The parameters in a query string; those that are lists as often as wanted.

    Raises BadQuery naming the field: unknown, given twice, not UTF-8, or refused by the model.
    """
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    given: dict[str, Any] = {}
    for name, texts in fields_in(query).items():
        if (field := fields.get(name)) is None:
            known = ", ".join(fields) or "none"
            raise BadQuery(f"no such field; there are: {known}", name[:80] or "query")
        if get_origin(field.annotation) is tuple:
            given[name] = texts
        elif len(texts) > 1:
            raise BadQuery("given twice", name)
        else:
            given[name] = texts[0]
    return checked(model, given)


def checked(model: type[P], given: dict[str, Any]) -> P:
    """The parameters, by name. Raises BadQuery naming the first field at fault."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise _bad(error) from error


def from_body(model: type[P], body: bytes) -> P:
    """The parameters in a JSON body. Raises BadQuery naming the first field at fault."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise _bad(error) from error


def _bad(error: ValidationError) -> BadQuery:
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"])[:80]
    return BadQuery(first["msg"].removeprefix("Value error, "), field or "body")
