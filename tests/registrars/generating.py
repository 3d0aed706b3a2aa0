"""Seed → script: what one user's devices send, in what order. Pure.

The same seed gives the same script for ever, so that `--show SEED` finds it again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import NamedTuple, Protocol

from tests.registrars import contacts
from tests.registrars.contacts import Contact, Place
from tests.registrars.script import DOMAIN, Lose, Network, Pause, Register, Script, Step
from tests.registrars.writing import CHOOSE, Listed, Writer


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
# How many Contacts claim another transport than they come over, without a proxy between.
_CLAIMS = 0.03


@dataclass(slots=True)
class _Device:
    contact: Contact
    call_id: str
    cseq: int


def generate(seed: int, option_sets: int, profiles: Sequence[int], traits: Traits = _ALL) -> Script:
    """`profiles`: how many each option set has."""
    rng = Random(f"story-{seed}")
    options = rng.randrange(option_sets)
    return _Author(rng, seed, options, profiles[options], traits).script()


class _Author:
    def __init__(self, rng: Random, seed: int, options: int, profiles: int, traits: Traits) -> None:
        self._rng, self._seed, self._options, self._profiles = rng, seed, options, profiles
        self._asks = traits.asks_what_there_is
        self._writer = Writer(rng, f"q{seed}z", varies_case=traits.varies_case)
        count = rng.choice((1, 2, 2, 2, 3))
        self._networks: tuple[Network, ...] = tuple(
            "tcp" if rng.random() < 0.4 else "udp" for _ in range(count)
        )
        self._devices = [self._device(n) for n in range(count)]

    def script(self) -> Script:
        rng = self._rng
        steps: list[Step] = [self._step() for _ in range(rng.randrange(5, 21))]
        return Script(self._seed, self._options, self._writer.token, self._networks, tuple(steps))

    def _device(self, number: int) -> _Device:
        rng = self._rng
        instance = None
        if rng.random() < 0.4:
            same = rng.random() < 0.1  # two devices that claim to be one
            last = f"{0 if same else number:04d}0A{self._seed % 10**6:06d}"
            instance = f"urn:uuid:00000000-0000-1000-8000-{last}"
        reg_id = rng.choice((1, 1, 2)) if instance and rng.random() < 0.6 else None
        contact = contacts.generate(rng, self._place(number), self._writer.user, instance, reg_id)
        return _Device(contact, self._call_id(number), rng.randrange(1, 1000))

    def _place(self, number: int) -> Place:
        other = self._rng.random() < (0.5 if self._writer.has_paths else _CLAIMS)
        return Place(self._seed % 65536, "other" if other else self._networks[number])

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
        listed: Listed = [(self._devices[number].contact, None)]
        for _ in range(rng.choice((1, 1, 2))):
            other = rng.choice(self._devices).contact
            if rng.random() < 0.5:
                other = contacts.generate(rng, self._place(number), self._writer.user)
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
        listed: Listed | None,
        *,
        header: str | None = CHOOSE,
        cseq: int | None = None,
        like: Register | None = None,
    ) -> Register:
        """`listed` are contacts with their `expires` parameters; None is `*`."""
        rng, device = self._rng, self._devices[number]
        if cseq is None:
            device.cseq += rng.choice((1, 1, 1, 2))
            cseq = device.cseq
        elif like is not None and rng.random() < 0.5:
            return replace(like, cseq=cseq, headers=_with_cseq(like.headers, cseq))
        headers = [
            f"Call-ID: {device.call_id}",
            f"CSeq: {cseq} REGISTER",
            *self._writer.headers(listed, header),
            f'User-Agent: phone {number} "x", <y>',
        ]
        profile = rng.randrange(self._profiles) if rng.random() < 0.3 else number % self._profiles
        uri = f"sip:{DOMAIN}"
        return Register(number, device.call_id, cseq, uri, tuple(headers), profile)


def _with_cseq(headers: tuple[str, ...], cseq: int) -> tuple[str, ...]:
    return tuple(f"CSeq: {cseq} REGISTER" if h.startswith("CSeq:") else h for h in headers)
