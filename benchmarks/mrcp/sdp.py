"""The offer of a recognition session, and what its answer names (RFC 6787 §4.2, §4.3; pure)."""

from dataclasses import dataclass


class NoChannel(ValueError):
    """The server answers without a channel to control, or without a port for the audio."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the server listens for a session: `control` by TCP, `audio` by RTP; and its channel."""

    control: tuple[str, int]
    audio: tuple[str, int]
    channel: str


def offer(host: str, rtp_port: int, session: int, resource: str = "speechrecog") -> bytes:
    """One resource over a connection of its own, and audio to it as G.711 µ-law, 8,000 Hz."""
    return "\r\n".join(
        (
            "v=0",
            f"o=rollcall {session} 1 IN IP4 {host}",
            "s=-",
            f"c=IN IP4 {host}",
            "t=0 0",
            "m=application 9 TCP/MRCPv2 1",
            "a=setup:active",
            "a=connection:new",
            f"a=resource:{resource}",
            "a=cmid:1",
            f"m=audio {rtp_port} RTP/AVP 0",
            "a=rtpmap:0 PCMU/8000",
            "a=sendonly",
            "a=mid:1",
            "",
        )
    ).encode()


def place_in(text: str) -> Place:
    """What an answer names. Raises NoChannel."""
    host, control, audio, channel = "", ("", 0), ("", 0), ""
    medium = ""
    for line in text.splitlines():
        kind, _, value = line.partition("=")
        if kind == "m":
            medium, port, *_ = [*value.split(" "), "", ""]
            number = int(port) if port.isdigit() else 0
            if medium == "application":
                control = host, number
            elif medium == "audio":
                audio = host, number
        elif kind == "c":
            host = value.split(" ")[-1].partition("/")[0]
            # Of a medium it stands after its line, of the session before all media.
            control = (host, control[1]) if medium == "application" else control
            audio = (host, audio[1]) if medium == "audio" else audio
        elif kind == "a" and value.startswith("channel:"):
            channel = value.partition(":")[2].strip()
    if not channel or not control[1] or not audio[1]:
        raise NoChannel(f"an answer without channel or port: {text[:200]!r}")
    return Place(control, audio, channel)
