"""SIPp scenarios of other projects' suites: which register, what they need, how to run them. Pure.

Read as text, as SIPp does: suites hold files that no XML parser takes (`--` in comments). A
scenario that registers and then waits for another party's request is cut there: what it registers
counts, the rest is that party's test.
"""

import re
from dataclasses import dataclass

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_STEP = re.compile(r"<(send|recv|sendCmd|recvCmd|nop|pause)\b([^>]*)>")
_CDATA = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
_METHOD = re.compile(r"^\s*([A-Z]+)[ \t]+\S.*[ \t]SIP/2\.0\s*$", re.MULTILINE)
_KEYWORD = re.compile(r"\[([A-Za-z][A-Za-z0-9_]*)")
_VARIABLES = re.compile(r'assign_to\s*=\s*"([^"]+)"')
_TO_USER = re.compile(r"^\s*(?:To|t)\s*:[^\n]*?sips?:([A-Za-z0-9_.\-]+)@", re.MULTILINE)
# Of SIPp's documentation, "Injecting values: keywords"; the rest is the suite's own.
_BUILTIN = frozenset(
    {
        "service",
        "remote_ip",
        "remote_port",
        "transport",
        "local_ip",
        "local_ip_type",
        "local_port",
        "len",
        "call_number",
        "cseq",
        "call_id",
        "media_ip",
        "media_ip_type",
        "media_port",
        "auto_media_port",
        "pid",
        "routes",
        "next_url",
        "peer_tag_param",
        "branch",
        "msg_index",
        "authentication",
        "clock_tick",
        "timestamp",
        "date",
        "sipp_version",
        "users",
        "userid",
        "server_ip",
        "fill",
        "file",
        "tdmmap",
        "dynamic_id",
    }
)
_NOT_SPOKEN = ("tls", "sctp", "ws", "wss")
_CHALLENGES = re.compile(r'response\s*=\s*"40[17]"')
_OPTIONAL = re.compile(r'optional\s*=\s*"(true|global)"')


@dataclass(frozen=True, slots=True)
class Scenario:
    """`text` is what SIPp is given. `skipped` says why it is not run at all."""

    text: str
    skipped: str | None
    challenged: bool  # expects 401 or 407 before the first 200
    over_tcp: bool
    over_ipv6: bool
    keys: frozenset[str]  # keywords that are the suite's own
    users: frozenset[str]  # whom it names itself in To headers
    cut: bool


def registers(text: str) -> bool:
    """Whether this is a SIPp scenario that sends a REGISTER."""
    plain = _COMMENT.sub("", text)
    if "<scenario" not in plain:
        return False
    return any("REGISTER" in _METHOD.findall(body) for body in _CDATA.findall(plain))


def read(text: str, name: str = "") -> Scenario:
    """`name` is the file's place, whose words may say the transport."""
    plain = _COMMENT.sub("", text)
    kept, waited_for = _until_another_party(plain)
    bodies = "\n".join(_CDATA.findall(kept))
    words = name.lower()
    return Scenario(
        text=kept,
        skipped=_why_not(plain, kept, waited_for, words),
        challenged=_is_challenged(kept),
        over_tcp="tcp" in words or "SIP/2.0/TCP" in bodies,
        over_ipv6="ipv6" in words,
        keys=frozenset(one for one in _KEYWORD.findall(bodies) if not _is_builtin(one)),
        users=frozenset(_TO_USER.findall(bodies)),
        cut=kept != plain,
    )


def _why_not(plain: str, kept: str, waited_for: str | None, words: str) -> str | None:
    if "<sendCmd" in plain or "<recvCmd" in plain:
        return "needs a second SIPp (3PCC)"
    if re.search(r"<exec\b[^>]*\bcommand\s*=", kept):
        return "runs a command of its own"
    if not registers(kept):
        return f"waits for another party's {waited_for} before it registers"
    for transport in _NOT_SPOKEN:
        if f"SIP/2.0/{transport.upper()} " in plain or re.search(
            rf"(?<![a-z]){transport}(?![a-z])", words
        ):
            return f"needs {transport.upper()}"
    return None


def _until_another_party(plain: str) -> tuple[str, str | None]:
    """The scenario up to the first request it must receive, and that request's method."""
    for step in _STEP.finditer(plain):
        attributes = step[2]
        request = re.search(r'request\s*=\s*"([^"]+)"', attributes)
        if step[1] == "recv" and request and not _OPTIONAL.search(attributes):
            kept = plain[: step.start()]
            variables = {
                name.strip() for found in _VARIABLES.findall(kept) for name in found.split(",")
            }
            # SIPp refuses a variable that is used only once.
            used = f'<Reference variables="{",".join(sorted(variables))}"/>' if variables else ""
            return f"{kept}{used}\n</scenario>\n", request[1]
    return plain, None


def _is_challenged(text: str) -> bool:
    for step in _STEP.finditer(text):
        if step[1] == "recv" and not _OPTIONAL.search(step[2]):
            if _CHALLENGES.search(step[2]):
                return True
            if re.search(r'response\s*=\s*"200"', step[2]):
                return False
    return False


def _is_builtin(keyword: str) -> bool:
    return keyword in _BUILTIN or bool(re.fullmatch(r"(?:last_|rtpstream_).*|field[0-9]+", keyword))
