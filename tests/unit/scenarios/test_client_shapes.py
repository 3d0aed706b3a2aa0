"""The shapes of real clients' REGISTERs and registrars' answers, through every pure reader."""

import re
from collections import Counter
from ipaddress import IPv6Address, ip_address

import pytest

from producers import uri_addresses
from producers.freeswitch import contact as freeswitch_contact
from producers.sip_proxy import contact as stored
from producers.sip_proxy.contact_header import is_star, read_contacts, read_expires
from producers.stored_contact import read_stored
from schemas.sip_uri import MAX_LENGTH, MalformedUri, aor_of, binding_identity, parse_uri
from schemas.vocabulary import ContactForm
from tests.corpus.shapes import BOUNDED, Expected, Shape, answers, registers, shapes

each_shape = pytest.mark.parametrize("shape", shapes(), ids=lambda shape: shape.name)


def header_contacts(shape: Shape) -> list[Expected]:
    """What a REGISTER requests, read from its headers. Raises MalformedUri."""
    message = shape.message
    if not message.contacts:
        return []
    otherwise = read_expires(message.first("expires"))
    found = []
    for one in read_contacts(message.contacts):
        read = read_stored(one.uri)
        identity = read.identity if read.form is not ContactForm.TRUNCATED else BOUNDED
        expires = otherwise if one.expires is None else one.expires
        found.append(Expected(one.uri, identity, expires, one.instance, one.reg_id))
    return found


def test_corpus_has_the_expected_size() -> None:
    assert len(shapes()) >= 150
    assert len(answers()) >= 15
    names = Counter(shape.name for shape in shapes())
    assert max(names.values()) == len({"each name once"})
    users = Counter(aor_of(shape.message.first("to") or "") for shape in shapes())
    assert max(users.values()) == len({"each user once"})


@each_shape
def test_each_contact_has_its_own_expires(shape: Shape) -> None:
    if shape.star:
        assert is_star(shape.message.contacts)
    elif shape.refused:
        with pytest.raises(MalformedUri, match=shape.refused):
            header_contacts(shape)
    else:
        assert header_contacts(shape) == shape.contacts


def test_aor_of_each_shape() -> None:
    for shape in shapes():
        aor = aor_of(shape.message.first("to") or "")
        assert aor.startswith("sip:")
        assert aor == aor_of(aor)
        assert aor.partition("@")[2] in ("example.test", "ims.mnc001.mcc001.example.test")


def test_contact_in_a_proxys_table() -> None:
    """usrloc stores the URI alone."""
    for shape in shapes():
        for one in shape.contacts:
            read = stored.read(one.uri)
            assert read.uri == one.uri[:MAX_LENGTH]
            if one.identity != BOUNDED:
                assert read.identity == one.identity
                assert stored.read(one.identity).identity == one.identity, "an identity is stable"


def test_contact_as_freeswitch_stores_it() -> None:
    """mod_sofia writes `display <uri>` and leaves out the header's parameters (sofia_reg.c)."""
    for shape in shapes():
        for one in shape.contacts:
            for text in (f"<{one.uri}>", f'"Roe, \\"J\\" <x>" <{one.uri}>', f" <{one.uri}>"):
                read = freeswitch_contact.read(text, "Registered(UDP)")
                assert read.uri == one.uri[:MAX_LENGTH]
                if one.identity != BOUNDED:
                    assert read.binding == one.identity


def test_request_uri_of_each_register_has_no_user() -> None:
    for shape in registers():
        method, target, version = shape.message.first_line.split(" ")
        assert (method, version) == ("REGISTER", "SIP/2.0")
        assert parse_uri(target).user is None


def test_no_two_clients_share_a_binding() -> None:
    identities = Counter(
        one.identity
        for shape in registers()
        for one in {one.identity: one for one in shape.contacts}.values()
        if one.identity != BOUNDED
    )
    assert [identity for identity, count in identities.items() if count > 1] == []


def test_addresses_are_reserved_for_documentation() -> None:
    """RFC 5737, RFC 3849, RFC 2606; private ones are behind a NAT."""
    allowed = ("192.0.2.", "198.51.100.", "203.0.113.", "[2001:db8:", "[2001:0db8:")
    private = ("10.", "100.64.", "[::ffff:192.0.2.")
    names = (".invalid", ".test", ".org", ".org.", ".com", ".net")
    for shape in shapes():
        for one in shape.contacts:
            if binding_identity_of(one).startswith("tel:"):
                continue
            host = parse_uri(binding_identity_of(one)).host
            assert host.startswith(allowed + private) or host.endswith(names), shape.name


def binding_identity_of(one: Expected) -> str:
    if one.uri.startswith("tel:"):
        return one.uri
    return binding_identity(one.uri[:MAX_LENGTH])


def test_transport_and_address_of_each_contact() -> None:
    """Transport (RFC 3261 §26.2.2, RFC 7118 §5) and address, where it names one."""
    for shape in shapes():
        for one in shape.contacts:
            scheme, rest = one.uri.lower().split(":", 1)
            named = re.search(r";transport=([a-z]+)", rest)
            plain = named[1] if named else "udp"
            secure = {"ws": "wss", "wss": "wss"}.get(plain, "tls")
            assert uri_addresses.transport_of(one.uri) == (secure if scheme == "sips" else plain)
            host = re.match(r"(?:.*@)?(\[[^]]*\]|[0-9.]+)(?::([0-9]+))?(?=[;?]|$)", rest)
            found = uri_addresses.address_of(one.uri, uri_addresses.transport_of(one.uri))
            if host is None or scheme == "tel":
                assert found is None
                continue
            assert found is not None
            written = ip_address(host[1].strip("[]"))
            mapped = written.ipv4_mapped if isinstance(written, IPv6Address) else None
            assert found.ip == str(mapped or written)
            assert found.port == int(
                host[2] or (5061 if plain == "tls" or scheme == "sips" else 5060)
            )
