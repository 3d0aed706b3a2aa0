"""Strategies of the fuzzers: mutated captures, hostile texts, odd JSON, and bytes cut anywhere."""

import atexit
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

F = TypeVar("F", bound=Callable[..., Any])
_EXAMPLES = int(os.environ.get("ROLLCALL_FUZZ_EXAMPLES", "0"))

# What could end a value, begin another field, or look like one, in any of the formats read here.
FRAGMENTS = [
    *("\n", "\r\n", "\n ", "\n\t", "\n\n", "\r", "\0", "%0A", "%0D%0A", "%00", "%", "\\", "\\n"),
    *('"', '\\"', "'", "<", ">", "&lt;", "&#10;", ";", ",", "=", ":", "::", "{", "}", "[", "]"),
    *("Event-Name: SHUTDOWN", "Content-Length: 3\n\n", '","from-user":"1666', '"ev":"edge"'),
    *("aor::mallory@sip.test", "\nE_UL_CONTACT_DELETE\naor::m@x\n\n", "]]>", "</agent>"),
    *("        <user>mallory@sip.test</user>", "    </registration>", "<null>", '":<null>'),
    *('{"jsonrpc":"2.0","method":"E_UL_CONTACT_DELETE","params":{"aor":"m@x"}}', "\tAOR:: m@x"),
    *("\t\tContact:: sip:m@192.0.2.66 Q=", "\t\t\tState:: CS_NEW", ";expires=0", ";reg-id=9"),
    *(';+sip.instance="<urn:uuid:m>"', "sip:mallory@192.0.2.66", ";fs_path=%3Csip%3Am%3E", "@"),
    *("é", "İ", "\u2028", "\ufeff", "\U0001f4de", "\u0661", "x" * 300),
]
# JSON values in place of a text or a number.
LITERALS = [
    *("null", "true", "{}", "[]", '""', "0", "-1", "-0.0", "1e400", "-1e400", "NaN", "Infinity"),
    *("1.5", "65536", "4294967296", "18446744073709551616", "9" * 20, "9" * 5000, "1e-400"),
    *('"\\ud800"', '"\\udc80\\ud83d"', '"\\u0000"', '"-1"', '"9999999999999999999"', '"1e3"'),
    *('"' + "9" * 5000 + '"', '"\u0661\u0662"', '"²"', '"' + "x" * 5000 + '"', '["a","b"]'),
    *("[" * 90 + "]" * 90, "[" * 900 + "]" * 900, "[" * 30_000 + "]" * 30_000, '{"a":{"a":1}}'),
    *('{"a":' * 400 + "1" + "}" * 400, '"0001-01-01T00:00:00Z"', '"2026-01-01T00:00:00"'),
    *('"9999-12-31T23:59:59.999999-23:59"', '"0001-01-01T00:00:00+23:59"', '"2026-13-45T99:99Z"'),
]
_TOKENS = [
    *(
        b"\n",
        b"\n\n",
        b"\0",
        b"\xff",
        b"\xc3",
        b"\xed\xa0\x80",
        b'"',
        b"\\",
        b"{",
        b"}",
        b"[",
        b",",
    ),
    *(b"Content-Length: 99999999999\n", b"Content-Length: -1\n", b"Content-Length: 5\n\n", b"::"),
    *(b"NaN", b"1e400", b"-1", b"18446744073709551616", b"%0A", b"null", b"\\ud800", b":<null>"),
    *(b'{"jsonrpc":"2.0","method":"', b"<null>", b"\t\t\t", b" " * 300, b"[" * 2000, b"9" * 4500),
]


def fuzzed(examples: int) -> Callable[[F], F]:
    """So many examples in `make test`, always the same ones; in a long run as many times more.

    The number asked for there is of a property with 200 here: those that take long stay rarer.
    """
    return settings(
        max_examples=_EXAMPLES * examples // 200 or examples,
        derandomize=not _EXAMPLES,
        database=None if not _EXAMPLES else settings.default.database,  # type: ignore[union-attr]  # None only while hypothesis loads
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def scratch_folder() -> Path:
    """For a whole module: hypothesis lets no fixture be made anew for each example."""
    folder = Path(tempfile.mkdtemp(prefix="rollcall-fuzz-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def texts(max_size: int = 200) -> st.SearchStrategy[str]:
    """Text that a caller may put into a message: UTF-8, at most `max_size` characters."""
    parts = st.sampled_from(FRAGMENTS) | st.text(st.characters(codec="utf-8"), max_size=6)
    return st.lists(parts, min_size=1, max_size=6).map(
        lambda found: "".join(found)[:max_size] or "x"
    )


@st.composite
def mutated(draw: st.DrawFn, messages: Sequence[bytes]) -> bytes:
    """One of the messages, cut, flipped, repeated, spliced with another, or wholly noise."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=300))
    data = draw(st.sampled_from(messages))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        to = min(len(data), at + draw(st.integers(0, 40)))
        match draw(st.integers(0, 6)):
            case 0:
                data = data[:at]
            case 1:
                data = data[:at] + data[to:]
            case 2:
                data = data[:to] + data[at:to] * draw(st.integers(1, 5)) + data[to:]
            case 3:
                other = draw(st.sampled_from(messages))
                data = data[:at] + other[draw(st.integers(0, len(other))) :]
            case 4 if at < len(data):
                data = (
                    data[:at] + bytes([data[at] ^ (1 << draw(st.integers(0, 7)))]) + data[at + 1 :]
                )
            case _:
                data = data[:at] + draw(st.sampled_from(_TOKENS)) + data[to:]
    return data


@st.composite
def odd_json(draw: st.DrawFn, documents: Sequence[Any]) -> bytes:
    """One of the documents with a value replaced, and perhaps a key doubled or in another case."""
    document = json.loads(json.dumps(draw(st.sampled_from(documents))))
    places = list(_places(document))
    replaced: dict[str, str] = {}
    for number in range(draw(st.integers(1, 2))):
        if places:
            holder, key = draw(st.sampled_from(places))
            mark = f"@@{number}@@"
            holder[key] = mark
            replaced[f'"{mark}"'] = draw(st.sampled_from(LITERALS))
            if isinstance(holder, dict) and draw(st.booleans()):
                other = draw(st.sampled_from(["upper", "doubled"]))
                twin = str(key).upper() if other == "upper" else f"{key}@@twin@@"
                holder[twin] = draw(st.sampled_from(["x", 7, None]))
    text = json.dumps(document, ensure_ascii=False).replace("@@twin@@", "")
    for mark, literal in replaced.items():
        text = text.replace(mark, literal)
    return text.encode("utf-8", "surrogatepass")


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    items: Any = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(items):
        yield value, key
        if isinstance(inner, dict | list):
            yield from _places(inner)


def pieces(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    """The data cut there (modulo its length), as one read after another gives it."""
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(edges) if end > start]


cuts = st.lists(st.integers(0, 20_000), max_size=12)
