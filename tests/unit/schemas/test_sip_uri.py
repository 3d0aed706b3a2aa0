"""schemas.sip_uri: one AOR a user and one identity a binding, whatever a client writes."""

import string
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from schemas import codec
from schemas.origin import Aor
from schemas.sip_uri import (
    MAX_LENGTH,
    MAX_TEXT_LENGTH,
    MalformedUri,
    aor_of,
    binding_identity,
    canonical_aor,
    contact_uri,
    parse_uri,
    stored_aor,
)

AOR = TypeAdapter(Aor)
UNRESERVED = string.ascii_letters + string.digits + "-_.!~*'()"
USER_RESERVED = "&=+$,;?/"  # allowed unescaped in a user part, yet different from their escapes

users = st.text(UNRESERVED + USER_RESERVED, min_size=1, max_size=40)
labels = st.text(string.ascii_letters + string.digits + "-", min_size=1, max_size=20)
names = st.lists(labels, min_size=1, max_size=4).map(".".join)
ipv4 = st.ip_addresses(v=4).map(str)
ipv6 = st.ip_addresses(v=6).map(lambda address: f"[{address}]")
hosts = names | ipv4 | ipv6
ports = st.integers(1, 65535)
names = st.text(string.ascii_letters + string.digits + "-.", min_size=1, max_size=10)
parameters = st.dictionaries(
    names.map(str.lower).filter(lambda name: not name.startswith("fs_")), st.none() | names
)
hostile = st.text(max_size=60) | st.text(" \t\r\n\0<>@:;,?%\"'\\[]()=&+aB1é\u2028\u3000\ud800")


def write_parameters(items: list[tuple[str, str | None]]) -> str:
    return "".join(f";{name}" if value is None else f";{name}={value}" for name, value in items)


# -- the AOR --------------------------------------------------------------------------------------


@given(users, hosts)
def test_canonical_aor_is_idempotent(user: str, host: str) -> None:
    aor = canonical_aor(user, host)
    assert aor_of(aor) == aor
    assert canonical_aor(*aor.removeprefix("sip:").split("@")) == aor


@given(st.from_regex(r"sip:[A-Za-z0-9\-_.!~*'()&=+$,;?/]+@[a-z0-9_.\-]+", fullmatch=True))
def test_a_canonical_aor_is_the_same_parsed_and_not(aor: str) -> None:
    assert aor_of(aor) == aor_of(f"<{aor}>") == aor


@given(users, hosts)
def test_an_aor_meets_the_contract(user: str, host: str) -> None:
    assert AOR.validate_python(canonical_aor(user, host))


@given(users, names)
def test_host_case_does_not_count_but_user_case_does(user: str, host: str) -> None:
    assert canonical_aor(user, host.upper()) == canonical_aor(user, host.lower())
    assert canonical_aor(user, host).startswith(f"sip:{user}@")


@given(users, hosts, ports)
def test_a_port_is_dropped(user: str, host: str, port: int) -> None:
    assert canonical_aor(user, f"{host}:{port}") == canonical_aor(user, host)
    assert aor_of(f"sip:{user}@{host}:{port};transport=tcp?subject=x") == canonical_aor(user, host)


@given(st.text(UNRESERVED, min_size=1, max_size=20), names)
def test_escaped_unreserved_characters_are_the_characters(user: str, host: str) -> None:
    escaped = "".join(f"%{ord(character):02x}" for character in user)
    assert canonical_aor(escaped, host) == canonical_aor(user, host)


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("%61lice", "alice"),
        ("%2B4930", "+4930"),  # registrars keep it decoded: one user
        ("+4930", "+4930"),
        ("a%40b", "a%40b"),
        ("%2b", "+"),
        ("%0A", "%0A"),
        ("caf%c3%A9", "caf%C3%A9"),
        ("café", "caf%C3%A9"),  # written raw or escaped: one user
        ("%e9", "%E9"),  # no UTF-8: kept as it is
        ("*98#", "*98%23"),
        ("50%", "50%25"),
        ("%%341", "%2541"),  # decodes once, not twice
        ("%2541", "%2541"),
        ('"', "%22"),
        # As a table keeps it, decoded (OpenSIPS, Kamailio: un_escape()).
        ("john@corp.com", "john%40corp.com"),
        ("john doe", "john%20doe"),
        ("x:y", "x%3Ay"),
        ("a\n", "a%0A"),
        ("<a>", "%3Ca%3E"),
        ("\x85", "%C2%85"),
    ],
)
def test_escapes(user: str, expected: str) -> None:
    assert canonical_aor(user, "h") == f"sip:{expected}@h"
    assert aor_of(f"sip:{expected}@h") == f"sip:{expected}@h"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("[2001:DB8::1]", "[2001:db8::1]"),
        ("[2001:db8:0:0:0:0:0:1]:5060", "[2001:db8::1]"),
        ("[::FFFF:10.0.0.1]", "[::ffff:10.0.0.1]"),
        ("[::ffff:a00:1]", "[::ffff:10.0.0.1]"),
        ("Example.COM:5060", "example.com"),
    ],
)
def test_hosts(host: str, expected: str) -> None:
    assert canonical_aor("a", host) == f"sip:a@{expected}"


@pytest.mark.parametrize(
    "host",
    ["", "(null)", "::1", "[::1", "[:::]", "[1.2]", "h\n", "h:", "h:0", "h:65536", "h:x", "h:٣",
     "a b", "hé", "h/", "h>", "a@b", "[fe80::1%25eth0]"],
)  # fmt: skip
def test_bad_hosts_are_refused(host: str) -> None:
    with pytest.raises(MalformedUri):
        canonical_aor("a", host)


def test_a_stored_user_part_may_have_an_at_sign() -> None:
    assert stored_aor("john@corp.com@Example.test") == aor_of("sip:john%40corp.com@example.test")
    with pytest.raises(MalformedUri):
        stored_aor("john")


@pytest.mark.parametrize("user", ["", "\ud800", "a\udcff"])
def test_bad_users_are_refused(user: str) -> None:
    with pytest.raises(MalformedUri):
        canonical_aor(user, "h")


def test_an_aor_too_long_for_the_contract_is_refused() -> None:
    assert len(canonical_aor("a" * 506, "h")) == 512
    for user in ("a" * 507, "é" * 100):
        with pytest.raises(MalformedUri):
            canonical_aor(user, "h")


@given(hostile, hostile)
def test_hostile_parts_give_an_aor_of_the_contract_or_none(user: str, host: str) -> None:
    try:
        aor = canonical_aor(user, host)
    except MalformedUri:
        return
    assert AOR.validate_python(aor) == aor
    assert aor.isascii()
    assert codec.encode(aor)
    assert aor_of(aor) == aor


@given(hostile, hostile, hostile)
def test_hostile_texts_give_an_aor_of_the_contract_or_none(a: str, b: str, c: str) -> None:
    for text in (a, f"sip:{a}", f"sip:{a}@{b}", f'"{a}" <sip:{b}@h>{c}', f"{a}<sip:u@h>{b}"):
        try:
            aor = aor_of(text)
        except MalformedUri:
            continue
        assert AOR.validate_python(aor) == aor
        assert aor_of(aor) == aor


# -- name-addr ------------------------------------------------------------------------------------


@given(st.text(max_size=100))
def test_a_quoted_display_name_changes_nothing(display: str) -> None:
    quoted = display.replace("\\", "\\\\").replace('"', '\\"')
    assert aor_of(f'"{quoted}" <sip:alice@example.com>') == "sip:alice@example.com"


@pytest.mark.parametrize(
    "text",
    [
        "sip:alice@example.com",
        "SIP:alice@EXAMPLE.com",
        "sips:alice@example.com",
        "<sip:alice@example.com>",
        "Alice Liddell <sip:alice@example.com>;tag=1",
        r'"<sip:mallory@example.com>" <sip:alice@example.com>',
        r'"a\" <sip:mallory@example.com> \"" <sip:alice@example.com>',
        '"%0Afrom-user: mallory\r\nfrom-user: mallory" <sip:alice@example.com>',
        '<sip:alice@example.com>;+sip.instance="<urn:uuid:0000-1>";reg-id=1',
        "<sip:alice:password@example.com:5061;transport=TLS?x=y>",
        "sip:alice@example.com;x=@evil.example",
        "sip:alice@example.com?to=mallory@evil.example",
    ],
)
def test_the_address_in_a_name_addr_is_found(text: str) -> None:
    assert aor_of(text) == "sip:alice@example.com"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "alice@example.com",
        "tel:+4930",
        "*",
        '"" <sip:(null)@(null)>',
        '"Alice sip:alice@example.com',
        '"Alice" sip:alice@example.com',
        'Alice" <sip:alice@example.com>',
        "<sip:alice@example.com",
        '"a" <sip:mallory@example.com>" <sip:alice@example.com>',
        '"a" <sip:mallory@example.com>;x="" <sip:alice@example.com>',
        "<sip:alice@example.com>, <sip:bob@example.com>",
        "<<sip:alice@example.com>>",
        "sip:@example.com",
        "sip::password@example.com",
        "sip:example.com",
        "sip:alice@example.com\nX: y",
        "sip:" + "a" * MAX_LENGTH + "@h",
        f'"{"x" * MAX_TEXT_LENGTH}" <sip:alice@example.com>',
    ],
)
def test_a_text_without_an_address_is_refused(text: str) -> None:
    with pytest.raises(MalformedUri):
        aor_of(text)


def test_parts() -> None:
    uri = parse_uri('"Bob" <sips:b%6Fb:pw@Example.com:5061;Transport=TCP;ob;x=1;x=2?h=v>;q=1')
    assert (uri.scheme, uri.user, uri.host, uri.port) == ("sips", "b%6Fb", "example.com", 5061)
    assert uri.parameters == {"transport": "TCP", "ob": None, "x": "1"}


def test_contact_uri_is_the_uri_as_given() -> None:
    uri = "sip:A%6e@H:5060;Transport=TCP;fs_nat=yes;fs_path=sip%3A10.0.0.1"
    assert contact_uri(f'"A <b>" <{uri}>;expires=60') == uri
    assert contact_uri(uri) == uri
    plain = "sip:a@h:5060;transport=tcp;fs_nat=yes;fs_path=sip%3A10.0.0.1"
    assert contact_uri(f'"" <{plain}>') == plain


def test_only_the_uri_must_be_short() -> None:
    display = "x" * 2 * MAX_LENGTH
    assert contact_uri(f'"{display}" <sip:alice@example.com>') == "sip:alice@example.com"
    with pytest.raises(MalformedUri):
        contact_uri("<sip:" + "a" * MAX_LENGTH + "@h>")
    with pytest.raises(MalformedUri):  # what it grows to when escaped counts too
        binding_identity(f"<sip:a@h;x={'é' * 400}>")


# -- the binding ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # RFC 3261 §19.1.4
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
        ("sip:a@h;user=phone;transport=udp", "sip:a@h;transport=UDP;user=phone"),
        ("sip:a@h;%74ransport=tcp", "sip:a@h;transport=%74cp"),
        ("sip:a@[2001:db8::1]:5060", "sip:a@[2001:DB8:0::1]:5060"),
        ("sip:a@h", '"Bob" <sip:a@h>;expires=60'),
        ("sip:a@h;transport=ws", "<sip:a@h;transport=ws;fs_nat=yes;fs_path=sip%3Aa%40h>"),
        ("sip:a@h", "sip:a@h;fs_path=%3Csip:x%3E;fs_nat=yes"),
        ("sip:a@h;x=[1]", "sip:a@h;x=%5B1%5d"),
        ("sip:café@h", "sip:caf%c3%a9@h"),
    ],
)
def test_equal_contacts(one: str, other: str) -> None:
    assert binding_identity(one) == binding_identity(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # RFC 3261 §19.1.4
        ("sip:ALICE@atlanta.com;transport=udp", "sip:alice@atlanta.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sips:bob@biloxi.com"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;ttl=15"),
        ("sip:bob@h", "sip:h"),
        ("sip:a@h;line=1", "sip:a@h;line=2"),
        ("sip:a@h;x=a%3Bb", "sip:a@h;x=a;b"),  # an escaped separator is none
        ("sip:a@h;x=%E9", "sip:a@h;x=%E8"),  # neither is UTF-8
        ("sip:a@h;x", "sip:a@h;x="),
        ("sip:%2B1@h", "sip:+1@h"),
    ],
)
def test_different_contacts(one: str, other: str) -> None:
    assert binding_identity(one) != binding_identity(other)


@given(users, hosts, st.none() | ports, parameters, st.randoms(use_true_random=False), st.data())
def test_writing_a_contact_another_way_keeps_its_identity(
    user: str,
    host: str,
    port: int | None,
    params: dict[str, str | None],
    random: Random,
    data: st.DataObject,
) -> None:
    host_port = host if port is None else f"{host}:{port}"
    identity = binding_identity(f"sip:{user}@{host_port}{write_parameters(list(params.items()))}")
    items = [
        (name.upper(), value.upper() if value and data.draw(st.booleans()) else value)
        for name, value in params.items()
    ]
    random.shuffle(items)
    escaped = "".join(
        f"%{ord(c):02x}" if c in UNRESERVED and data.draw(st.booleans()) else c for c in user
    )
    text = f"<sip:{escaped}@{host_port.upper()}{write_parameters(items)};FS_NAT=yes>;q=0.5"
    assert binding_identity(text) == identity


@given(users, hosts, st.none() | ports, parameters)
def test_the_identity_is_its_own_identity(
    user: str, host: str, port: int | None, params: dict[str, str | None]
) -> None:
    host_port = host if port is None else f"{host}:{port}"
    identity = binding_identity(f"sip:{user}@{host_port}{write_parameters(list(params.items()))}")
    assert binding_identity(identity) == identity


@given(
    st.lists(
        st.tuples(users, names, st.none() | ports, parameters),
        min_size=2,
        max_size=2,
        unique_by=str,
    )
)
def test_contacts_that_differ_in_a_part_differ(
    two: list[tuple[str, str, int | None, dict[str, str | None]]],
) -> None:
    meanings = [
        (u, h.lower(), p, {n: v.lower() if v else v for n, v in ps.items()}) for u, h, p, ps in two
    ]
    one, other = (
        binding_identity(f"sip:{u}@{h}{f':{p}' if p else ''}{write_parameters(list(ps.items()))}")
        for u, h, p, ps in two
    )
    assert (one == other) == (meanings[0] == meanings[1])


@given(users, names, ports, st.sampled_from(["", ";transport=tcp"]), st.booleans())
def test_the_fast_path_agrees_with_the_parser(
    user: str, host: str, port: int, transport: str, routed: bool
) -> None:
    tail = ";fs_nat=yes;fs_path=sip%3A1%40h" if routed else ""
    plain = f'"" <sip:{user}@{host.lower()}:{port}{transport}{tail}>'
    # A comma as header parameter is legal and sends it the long way.
    assert binding_identity(plain) == binding_identity(f"{plain};x=,")
    assert contact_uri(plain) == contact_uri(f"{plain};x=,")


@given(hostile, hostile)
def test_hostile_contacts_give_an_identity_that_can_be_written_or_none(a: str, b: str) -> None:
    for text in (a, f"sip:{a}", f"sip:{a}@h;{b}", f'"{a}" <sip:u@h;{b}>', f"<sip:u@h>{a}"):
        try:
            identity = binding_identity(text)
        except MalformedUri:
            continue
        assert len(identity) <= MAX_LENGTH
        assert codec.encode(contact_uri(text))
        assert identity.isascii()
        assert identity.isprintable()
        assert binding_identity(identity) == identity
