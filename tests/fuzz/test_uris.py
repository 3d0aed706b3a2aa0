"""SIP URIs, contacts and the addresses in them: read, or named malformed, and normal for ever."""

import contextlib
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from producers import uri_addresses
from producers.freeswitch import contact as switch_contact
from producers.sip_proxy import contact as server_contact
from producers.sip_proxy.contact_header import read_contacts
from schemas.codec import InvalidRecord
from schemas.origin import Address
from schemas.sip_uri import (
    MAX_AOR_LENGTH,
    MAX_LENGTH,
    MalformedUri,
    aor_of,
    binding_identity,
    canonical_aor,
    contact_uri,
    parse_uri,
)
from schemas.vocabulary import Transport
from tests.fuzz.hostile import fuzzed, mutated, texts

URIS = [
    b"sip:1001@sip.example.test",
    b'"Bob \\"B\\" <x>" <sip:bob%20b@[2001:db8::1]:5061;transport=TLS;ob?x=y>;expires=60;q=0.5',
    b"<sip:a@192.0.2.7:40642;transport=ws;fs_nat=yes;fs_path=%3Csip%3Aedge%3Blr%3E>;reg-id=1;"
    b'+sip.instance="<urn:uuid:00000000-0000-1000-8000-000A95A0E128>"',
    b"<sip:edge;lr;received=sip:192.0.2.9:5060%3Btransport%3Dtcp>,<sip:e2;received=sip:[::1]:9>",
    b"sips:u:password@host.example:443;maddr=[::ffff:192.0.2.1]",
]
_text = mutated(URIS).map(lambda data: data.decode("utf-8", "surrogateescape")) | texts()


@fuzzed(500)
@given(_text)
@example("sip:" + "a" * 5000 + "@x")
@example('"' + "\\" * 4000)
@example("<sip:a@x>" + ';"' * 2000)
def test_any_text_is_a_uri_or_malformed(text: str) -> None:
    for read in (parse_uri, aor_of, contact_uri, binding_identity):
        with contextlib.suppress(MalformedUri):
            result: Any = read(text)
            if isinstance(result, str):
                result.encode()
                assert len(result) <= (MAX_AOR_LENGTH if read is aor_of else MAX_LENGTH)
    with contextlib.suppress(MalformedUri):
        assert aor_of(aor_of(text)) == aor_of(text)


@fuzzed(300)
@given(_text, _text)
def test_an_aor_names_one_user_at_one_host(user: str, host: str) -> None:
    try:
        aor = canonical_aor(user, host)
    except MalformedUri:
        return
    parsed = parse_uri(aor)
    assert canonical_aor(parsed.user or "", parsed.host) == aor
    assert aor.count("@") == 1


@fuzzed(300)
@given(_text, st.sampled_from([None, *Transport]))
def test_addresses_are_found_or_not_there(text: str, transport: Transport | None) -> None:
    found = [
        uri_addresses.address_of(text, transport),
        uri_addresses.received_by_edge(text),
    ]
    uri_addresses.transport_of(text)
    uri_addresses.canonical_ip(text)
    server_contact.socket_of(text)
    for address in found:
        assert address is None or (isinstance(address, Address) and 0 <= address.port <= 65535)


@fuzzed(300)
@given(_text, st.none() | texts(60))
def test_any_contact_is_read_or_named_invalid(text: str, status: str | None) -> None:
    with contextlib.suppress(InvalidRecord):
        assert switch_contact.read(text, status).binding
    with contextlib.suppress(InvalidRecord):
        read = server_contact.read(text)
        assert 0 < len(read.identity) <= MAX_LENGTH
        assert len(read.uri) <= MAX_LENGTH
    with contextlib.suppress(MalformedUri):
        assert all(found.uri for found in read_contacts(text))
    switch_contact.is_wildcard(text)


@fuzzed(300)
@given(texts(120))
def test_a_display_name_changes_nothing_behind_it(text: str) -> None:
    quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    for uri in URIS[2:3]:
        address = uri.decode()
        plain, named = (switch_contact.read(one, None) for one in (address, quoted + address))
        assert plain == named
