"""What a scenario is given from outside: SIPp's keys and the fields of injected CSV files. Pure.

Suites fill them from their own databases and templates. What a field means is read from where it
stands: in a URI's user part, its host, alone on a line (credentials), and so on.
"""

import re
from typing import NamedTuple

_FIELD = re.compile(r"\[field([0-9]+)(?:\s+file=\"?([^\"\s\]]+)\"?)?(?:\s+line=([0-9]+))?[^\]]*\]")
_LINES_MAX = 50
_OWN_FILE = "injected.csv"  # of fields that name no file
_VALUE = r"""['"]?{option}['"]?\s*[:,=]?\s*['"]?([A-Za-z0-9_.\-]+)"""


class Given(NamedTuple):
    """Who registers."""

    user: str
    password: str
    domain: str


def files(text: str, given: Given) -> dict[str, str]:
    """Name → contents of each CSV file that the scenario reads, with as many lines as it names."""
    fields: dict[str, dict[int, re.Match[str]]] = {}
    for match in _FIELD.finditer(text):
        fields.setdefault(match[2] or _OWN_FILE, {}).setdefault(int(match[1]), match)
    people = [given._replace(user=user) for user in users(text, given)]
    return {
        name: "SEQUENTIAL\n" + "".join(_line(text, found, one) for one in people)
        for name, found in fields.items()
    }


def users(text: str, given: Given) -> list[str]:
    """Who registers: `given`, and one more for each further line of injected files."""
    last = max((int(match[3] or 0) for match in _FIELD.finditer(text)), default=0)
    others = range(1, min(last, _LINES_MAX) + 1)
    return [given.user, *(f"{given.user}-{number}" for number in others)]


def main_file(text: str) -> str | None:
    """The file that SIPp is to be given first (`-inf`), for fields that name none."""
    return _OWN_FILE if any(match[2] is None for match in _FIELD.finditer(text)) else None


def key(name: str, given: Given, *, ipv6: bool) -> str:
    """A value for a keyword of the suite's own, by its name."""
    word = name.lower()
    number = int(re.sub(r"\D", "", word) or 0) % 200
    if "contact" in word:
        return f"sip:{given.user}@127.0.0.1:{6000 + number}"
    if "port" in word:
        return str(6000 + number)
    if re.search(r"ip[0-9]*$|addr", word):
        return f"[::{number + 1}]" if ipv6 else f"127.0.0.{number + 1}"
    if re.search(r"user|aor|from|^to|ext|call|mbx|mailbox|number|peer|name", word):
        return given.user
    if re.search(r"domain|host|realm", word):
        return given.domain
    if "expire" in word:
        return "60"
    if re.search(r"pass|secret", word):
        return given.password
    return "1"


def argument(configuration: str, file_name: str, option: str) -> str | None:
    """With what value of this option (`-s`) a suite's own configuration runs a scenario, if any."""
    begin = configuration.find(file_name)
    if begin < 0:
        return None
    rest = configuration[begin + len(file_name) :]
    end = re.search(r"scenario['\"]?\s*:|\n\s*\n|\.xml", rest)
    value = _VALUE.format(option=re.escape(option))
    found = re.search(value, rest[: end.start()] if end else rest)
    return found[1] if found else None


def _line(text: str, fields: dict[int, re.Match[str]], given: Given) -> str:
    values = {number: _meaning(text, match, given) for number, match in fields.items()}
    return ";".join(values.get(number, "0") for number in range(max(values) + 1)) + ";\n"


def _meaning(text: str, match: re.Match[str], given: Given) -> str:
    line_begin = text.rfind("\n", 0, match.start()) + 1
    line_end = text.find("\n", match.end())
    before, after = text[line_begin : match.start()], text[match.end() : max(line_end, 0)]
    if (not before.strip() and not after.strip()) or re.search(r"Authorization\s*:\s*$", before):
        return f"[authentication username={given.user} password={given.password}]"
    if after.lstrip().startswith("@") or re.search(r"sips?:$", before):
        return given.user
    if before.endswith("@") or re.search(r"sips?:[^@>;\s]*@\[?$", before):
        return given.domain
    if before.endswith(":") and re.search(r"@[^>;\s]*:$", before):
        return "6000"
    if re.search(r"expires\s*[:=]\s*$", before, re.IGNORECASE):
        return "60"
    if re.match(r"\s*(Call-ID|i)\s*:", before, re.IGNORECASE):
        return "peers"
    return given.user
