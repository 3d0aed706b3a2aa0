"""Parses the `KIND=FILE` arguments of a replay: which recordings, of which nodes."""

from dataclasses import dataclass
from pathlib import Path

from local.replay.kinds import KINDS
from runtime.settings import BadArgument

# The servers whose sockets a kernel's recording may have; clients are connected to the first.
_SERVERS = ("opensips", "kamailio", "freeswitch")


@dataclass(frozen=True)
class Source:
    """One recording of one node; `node` None means the server's own name, or its kind."""

    kind: str
    file: Path
    node: str | None


def parse_sources(arguments: list[str], nodes: list[str]) -> list[Source]:
    """The recordings with the names of their nodes: those given, else the names of the files.

    Recordings of one scene (`X.fs.json`, `X.datagram`) are of different nodes; a kernel's recording
    is of the node whose clients it watches. Raises BadArgument.
    """
    if len(nodes) > len(arguments):
        raise BadArgument("more --node than sources")
    read = [_read(argument) for argument in arguments]
    stems = [file.name.partition(".")[0] for _, file in read]
    named: list[str | None] = []
    for index, (kind, _) in enumerate(read):
        if index < len(nodes):
            named.append(nodes[index])
        elif len(read) == 1:
            named.append(None)
        else:
            stem = stems[index]
            named.append(f"{stem}-{kind}" if stems.count(stem) > 1 else stem)
    for index, (kind, _) in enumerate(read):
        if kind == "sockets" and index >= len(nodes):
            named[index] = _watched(read, stems, named, index) or named[index]
    return [Source(kind, file, node) for (kind, file), node in zip(read, named, strict=True)]


def _read(argument: str) -> tuple[str, Path]:
    kind, equals, name = argument.partition("=")
    if not equals or kind not in KINDS:
        raise BadArgument(
            f"{argument[:100]!r} is not SOURCE=FILE with SOURCE one of {', '.join(KINDS)}"
        )
    file = Path(name)
    if not file.is_file():
        raise BadArgument(f"no file {file}")
    return kind, file


def _watched(
    read: list[tuple[str, Path]], stems: list[str], named: list[str | None], index: int
) -> str | None:
    """The node of the server in the same scene, else in the only scene."""
    for stem in (stems[index], None):
        for server in _SERVERS:
            found = [
                named[other]
                for other, (kind, _) in enumerate(read)
                if kind == server and stem in (None, stems[other])
            ]
            if len(found) == 1 or (found and stem is not None):
                return found[0]
    return None
