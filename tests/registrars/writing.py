"""The headers of a REGISTER as different clients write them, for one user. Pure.

RFC 3261 §10.2: where the expiry stands, how several contacts are listed, how the user is spelled.
"""

from random import Random
from typing import TypeAlias

from tests.registrars.contacts import Contact
from tests.registrars.script import DOMAIN

_USERS = (
    "{t}",
    "ann-{t}",
    "Ann{t}",
    "{t}%40corp.com",
    "{t}%20x",
    "{t}%2Bplus",
    "{t}+plus",
    "x%3A{t}",
    "%61nn{t}",
    "j%c3%b6rg{t}",
    "{t};a=b",
)
# Expires headers and parameters that are no plain number of seconds, or an unusual one.
_ODD_HEADERS = ("3600;x=1", "-1", "abc", "4294967295", "99999999999", "0600", "60.5", "1", "")
_ODD_PARAMETERS = ("-1", "abc", "4294967295", "99999999999", '"600"', "0600", "60.5", "1", "")
_NAMES = ("Ann", '"Ann, A"', '"Ann \\"x\\" <y>"', "")
# The Expires header is the writer's choice, and the contacts' `expires` with it.
CHOOSE = "choose"

# Contacts, each with its own `expires` parameter.
Listed: TypeAlias = list[tuple[Contact, str | None]]


class Writer:
    """`token` stands in each spelling of the user. `has_paths`: they are behind a proxy."""

    def __init__(self, rng: Random, token: str, *, varies_case: bool) -> None:
        self._rng, self.token = rng, token
        user = rng.choice(_USERS if rng.random() < 0.6 else _USERS[:1])
        self.user = user.replace("{t}", token)
        self._name = rng.choice(_NAMES) if rng.random() < 0.5 else ""
        self._varies_case = rng.random() < 0.15 and varies_case
        self.has_paths = rng.random() < 0.12

    def headers(self, listed: Listed | None, expires: str | None) -> list[str]:
        """All that depend on the user and what is registered. `listed` None is `*`."""
        rng = self._rng
        if expires == CHOOSE:
            expires, listed = self._expires(listed)
        user, host = self._spelled()
        name = rng.choice(_NAMES) if rng.random() < 0.03 else self._name
        headers = [
            f"From: <sip:{user}@{host}>;tag={rng.randrange(10**8)}",
            f"To: {name} <sip:{user}@{host}>",
            *self._contacts(listed),
        ]
        if expires is not None:
            headers.append(f"Expires: {expires}")
        if self.has_paths and rng.random() < 0.8:
            place = rng.randrange(1, 200)
            headers.append(f"Path: <sip:198.51.100.{place};lr;received=sip:203.0.113.{place}:1234>")
        if rng.random() < 0.5:
            headers.append("Supported: path, outbound, gruu")
        return headers

    def _expires(self, listed: Listed | None) -> tuple[str | None, Listed | None]:
        """Where it stands: header, parameter, both, neither, and what."""
        rng = self._rng
        header, parameter = rng.choices(
            (
                (rng.choice(("600", "3600", "120")), None),
                (None, rng.choice(("600", "300"))),
                (rng.choice(("600", "0")), rng.choice(("300", "600"))),
                (None, None),
                (rng.choice(_ODD_HEADERS), None),
                (rng.choice((None, "600")), rng.choice(_ODD_PARAMETERS)),
                (rng.choice(("2", "3")), None),
            ),
            (50, 20, 10, 7, 6, 6, 2),
        )[0]
        if listed and parameter is not None:
            listed = [(one, parameter if own is None else own) for one, own in listed]
        return header, listed

    def _contacts(self, listed: Listed | None) -> list[str]:
        rng = self._rng
        if listed is None:
            return ["Contact: *"]
        texts = [one.text(expires) for one, expires in listed]
        name = rng.choices(("Contact", "m", "CONTACT"), (20, 1, 1))[0]
        if len(texts) > 1 and rng.random() < 0.5:
            return [f"{name}: {text}" for text in texts]
        comma = rng.choice((", ", ",", " ,\r\n "))
        return [f"{name}: {comma.join(texts)}"] if texts else []

    def _spelled(self) -> tuple[str, str]:
        """The user as this request writes them: the same one by the registrar's rule, or not."""
        rng, user, host = self._rng, self.user, DOMAIN
        if self._varies_case:
            user = rng.choice((user, user.upper(), user.lower(), user.swapcase()))
            user = user.replace("%C3%B6".lower(), "%C3%B6")
        if rng.random() < 0.05:
            host = rng.choice((DOMAIN.upper(), f"{DOMAIN}:5060"))
        if rng.random() < 0.05 and "%" not in user:
            user = f"%{ord(user[0]):02X}{user[1:]}" if user[0] != "q" else user
        return user, host
