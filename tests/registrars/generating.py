"""Seed → story: what one user's devices send, in what order. Pure.

The same seed gives the same story for ever, so that `--show SEED` finds it again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import NamedTuple, Protocol

from tests.registrars import contacts
from tests.registrars.contacts import Contact, Place
from tests.registrars.story import DOMAIN, Lose, Network, Pause, Register, Step, Story

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


class Traits(Protocol):
    """What may be tried at a registrar (registrar.py)."""

    @property
    def varies_case(self) -> bool: ...
    @property
    def asks_what_there_is(self) -> bool: ...


class Everything(NamedTuple):
    """All of it."""

    varies_case: bool = True
    asks_what_there_is: bool = True


_ALL = Everything()


@dataclass(slots=True)
class _Device:
    contact: Contact
    call_id: str
    cseq: int


def generate(seed: int, option_sets: int, profiles: Sequence[int], traits: Traits = _ALL) -> Story:
    """`profiles`: how many each option set has."""
    rng = Random(f"story-{seed}")
    options = rng.randrange(option_sets)
    return _Author(rng, seed, options, profiles[options], traits).story()


class _Author:
    def __init__(self, rng: Random, seed: int, options: int, profiles: int, traits: Traits) -> None:
        self._rng, self._seed, self._options, self._profiles = rng, seed, options, profiles
        self._token, self._site = f"q{seed}z", seed % 65536
        self._user = rng.choice(_USERS if rng.random() < 0.6 else _USERS[:1]).replace(
            "{t}", self._token
        )
        self._name = rng.choice(_NAMES) if rng.random() < 0.5 else ""
        self._varies_case = rng.random() < 0.15 and traits.varies_case
        self._asks = traits.asks_what_there_is
        self._paths = rng.random() < 0.12
        count = rng.choice((1, 2, 2, 2, 3))
        self._networks: tuple[Network, ...] = tuple(
            "tcp" if rng.random() < 0.4 else "udp" for _ in range(count)
        )
        self._devices = [self._device(n) for n in range(count)]

    def story(self) -> Story:
        rng = self._rng
        steps: list[Step] = [self._step() for _ in range(rng.randrange(5, 21))]
        return Story(self._seed, self._options, self._token, self._networks, tuple(steps))

    def _device(self, number: int) -> _Device:
        rng = self._rng
        instance = None
        if rng.random() < 0.4:
            same = rng.random() < 0.1  # two devices that claim to be one
            last = f"{0 if same else number:04d}0A{self._seed % 10**6:06d}"
            instance = f"urn:uuid:00000000-0000-1000-8000-{last}"
        reg_id = rng.choice((1, 1, 2)) if instance and rng.random() < 0.6 else None
        contact = contacts.generate(rng, self._place(number), self._user, instance, reg_id)
        return _Device(contact, self._call_id(number), rng.randrange(1, 1000))

    def _place(self, number: int) -> Place:
        other = self._rng.random() < (0.5 if self._paths else 0.03)
        return Place(self._site, "other" if other else self._networks[number])

    def _call_id(self, number: int) -> str:
        return f"{self._seed}-{number}-{self._rng.randrange(10**6)}@192.0.2.{number}"

    def _step(self) -> Step:
        rng = self._rng
        number = rng.randrange(len(self._devices))
        device = self._devices[number]
        kinds: tuple[tuple[int, Callable[[], Step]], ...] = (
            (30, lambda: self._register(number, [(device.contact, None)])),
            (10, lambda: self._moves(number)),
            (7, lambda: self._restarts(number)),
            (5, lambda: self._restarts(number, moves=True)),
            (5, lambda: self._respells(number)),
            (12, lambda: self._leaves(number)),
            (4, lambda: self._takes_all_back(number)),
            (9, lambda: self._several(number)),
            (5, lambda: self._repeats(number)),
            (2 * self._asks, lambda: self._register(number, [])),
            (5, lambda: Lose(number, rng.choice(("close", "reset")))),
            (1, lambda: Pause(rng.choice((1.5, 3.0)))),
        )
        weights = [weight for weight, _ in kinds]
        (_, make) = rng.choices(kinds, weights)[0]
        return make()

    def _moves(self, number: int) -> Step:
        device = self._devices[number]
        old, device.contact = (
            device.contact,
            contacts.moved(self._rng, self._place(number), device.contact),
        )
        if self._rng.random() < 0.3:  # the old one is taken back in the same request
            return self._register(number, [(old, "0"), (device.contact, None)])
        return self._register(number, [(device.contact, None)])

    def _restarts(self, number: int, *, moves: bool = False) -> Step:
        device = self._devices[number]
        device.call_id = self._call_id(number)
        device.cseq = self._rng.choice((1, device.cseq))
        if moves:
            device.contact = contacts.moved(self._rng, self._place(number), device.contact)
        return self._register(number, [(device.contact, None)])

    def _respells(self, number: int) -> Step:
        device = self._devices[number]
        device.contact = contacts.respelled(self._rng, device.contact)
        return self._register(number, [(device.contact, None)])

    def _leaves(self, number: int) -> Step:
        contact = self._devices[number].contact
        match self._rng.randrange(4):
            case 0:
                return self._register(number, [(contact, "0")], header="600")
            case 1:
                return self._register(number, [(contact, "0")], header=None)
            case 2:
                contact = replace(contact, instance=None, reg_id=None)
        return self._register(number, [(contact, None)], header="0")

    def _takes_all_back(self, number: int) -> Step:
        header = "0" if self._rng.random() < 0.9 else self._rng.choice(("600", None))
        return self._register(number, None, header=header)

    def _several(self, number: int) -> Step:
        """This device's contact, and others'."""
        rng = self._rng
        listed: list[tuple[Contact, str | None]] = [(self._devices[number].contact, None)]
        for _ in range(rng.choice((1, 1, 2))):
            other = rng.choice(self._devices).contact
            if rng.random() < 0.5:
                other = contacts.generate(rng, self._place(number), self._user)
            listed.append((other, rng.choice((None, "0", "300", "600"))))
        rng.shuffle(listed)
        return self._register(number, listed)

    def _repeats(self, number: int) -> Step:
        """An old request, or the last one once more."""
        device = self._devices[number]
        step = self._register(number, [(device.contact, None)])
        device.cseq -= 1
        cseq = max(0, device.cseq - self._rng.choice((0, 0, 1, 5)))
        return self._register(number, [(device.contact, None)], cseq=cseq, like=step)

    def _register(
        self,
        number: int,
        listed: list[tuple[Contact, str | None]] | None,
        *,
        header: str | None = "choose",
        cseq: int | None = None,
        like: Register | None = None,
    ) -> Register:
        """`listed` are contacts with their `expires` parameters; None is `*`."""
        rng, device = self._rng, self._devices[number]
        if cseq is None:
            device.cseq += rng.choice((1, 1, 1, 2))
        if like is not None and rng.random() < 0.5:
            return replace(like, cseq=cseq or 0, headers=_with_cseq(like.headers, cseq or 0))
        if header == "choose":
            header, listed = self._expires(listed)
        number_of = device.cseq if cseq is None else cseq
        user, host = self._spelled()
        name = rng.choice(_NAMES) if rng.random() < 0.03 else self._name
        headers = [
            f"From: <sip:{user}@{host}>;tag={rng.randrange(10**8)}",
            f"To: {name} <sip:{user}@{host}>",
            f"Call-ID: {device.call_id}",
            f"CSeq: {number_of} REGISTER",
            *self._contact_headers(listed),
        ]
        if header is not None:
            headers.append(f"Expires: {header}")
        if self._paths and rng.random() < 0.8:
            place = rng.randrange(1, 200)
            headers.append(f"Path: <sip:198.51.100.{place};lr;received=sip:203.0.113.{place}:1234>")
        if rng.random() < 0.5:
            headers.append("Supported: path, outbound, gruu")
        headers.append(f'User-Agent: phone {number} "x", <y>')
        profile = rng.randrange(self._profiles) if rng.random() < 0.3 else number % self._profiles
        return Register(number, device.call_id, number_of, f"sip:{DOMAIN}", tuple(headers), profile)

    def _expires(
        self, listed: list[tuple[Contact, str | None]] | None
    ) -> tuple[str | None, list[tuple[Contact, str | None]] | None]:
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

    def _contact_headers(self, listed: list[tuple[Contact, str | None]] | None) -> list[str]:
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
        rng, user, host = self._rng, self._user, DOMAIN
        if self._varies_case:
            user = rng.choice((user, user.upper(), user.lower(), user.swapcase()))
            user = user.replace("%C3%B6".lower(), "%C3%B6")
        if rng.random() < 0.05:
            host = rng.choice((DOMAIN.upper(), f"{DOMAIN}:5060"))
        if rng.random() < 0.05 and "%" not in user:
            user = f"%{ord(user[0]):02X}{user[1:]}" if user[0] != "q" else user
        return user, host


def _with_cseq(headers: tuple[str, ...], cseq: int) -> tuple[str, ...]:
    return tuple(f"CSeq: {cseq} REGISTER" if h.startswith("CSeq:") else h for h in headers)
