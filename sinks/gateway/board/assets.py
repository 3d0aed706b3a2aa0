"""The page's files, with the headers that let it load and run nothing from elsewhere (pure)."""

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import PurePosixPath

INDEX = "index.html"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# Nothing is loaded, run, framed or sent but from and to the gateway itself (CSP Level 3).
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
_HEADERS = {
    # Asked for again each time: a page and its scripts are of one version.
    "cache-control": "no-cache",
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent."""

    body: bytes
    etag: str
    headers: dict[str, str]


def assets() -> dict[str, Asset]:
    """The files of the page by name."""
    found = {}
    for file in (files(__package__) / "static").iterdir():
        if (media_type := _TYPES.get(PurePosixPath(file.name).suffix)) is not None:
            body = file.read_bytes()
            etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
            headers = {**_HEADERS, "content-type": media_type, "etag": etag}
            found[file.name] = Asset(body, etag, headers)
    return found
