"""What the runner of peers' SIPp suites reads from scenarios, and what it supplies them with."""

import json

import pytest

from tests.live.peers import injecting, scenarios
from tests.live.peers.injecting import Given
from tests.live.peers.outcome import Outcome, Verdict, judge, summary

GIVEN = Given("peer1", "secret", "example.test")
_REGISTER = """  <send><![CDATA[
    REGISTER sip:[remote_ip]:[remote_port] SIP/2.0
    Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
    From: <sip:[service]@[remote_ip]>;tag=[pid]
    To: <sip:[service]@[remote_ip]>
    Call-ID: [call_id]
    CSeq: 1 REGISTER
    Contact: <sip:[service]@[local_ip]:[local_port]>
    Expires: [expires]
    Content-Length: [len]
  ]]></send>
"""
_OK = '  <recv response="200"/>\n'
_UNAUTHORISED = '  <recv response="100" optional="true"/>\n  <recv response="401" auth="true"/>\n'
_NOTIFY = '  <recv request="NOTIFY"/>\n'
_INVITE = "  <send><![CDATA[\n    INVITE sip:a@b SIP/2.0\n  ]]></send>\n"


def scenario(*steps: str) -> str:
    return f'<?xml version="1.0"?>\n<scenario name="x">\n{"".join(steps)}</scenario>\n'


@pytest.mark.parametrize(
    ("text", "does"),
    [
        (scenario(_REGISTER, _OK), True),
        (scenario(_INVITE, _OK), False),
        (scenario(f"<!-- {_REGISTER} -->", _OK), False),
        (_REGISTER, False),
        ("<project>REGISTER</project>", False),
        (scenario(_REGISTER.replace("[remote_ip]", '[field0 file="a.csv" line=0]')), True),
        ("\udcff<scenario", False),
    ],
)  # fmt: skip
def test_which_scenarios_register(text: str, does: bool) -> None:
    assert scenarios.registers(text) is does


def test_what_a_scenario_needs() -> None:
    read = scenarios.read(scenario(_REGISTER, _OK), "registration/sipp/one.xml")
    assert (read.skipped, read.challenged, read.cut) == (None, False, False)
    assert (read.over_tcp, read.over_ipv6) == (False, False)
    assert read.keys == {"expires"}


@pytest.mark.parametrize(
    ("steps", "challenged"),
    [
        ((_REGISTER, _UNAUTHORISED, _REGISTER, _OK), True),
        ((_REGISTER, _OK, _REGISTER, _UNAUTHORISED), False),
        ((_REGISTER, '<recv response="401" optional="true"/>', _OK), False),
        ((_REGISTER, '<recv response="407" auth="true"></recv>'), True),
    ],
)
def test_whether_the_server_is_to_challenge(steps: tuple[str, ...], challenged: bool) -> None:
    assert scenarios.read(scenario(*steps)).challenged is challenged


def test_what_waits_for_another_party_is_cut_there() -> None:
    action = '<recv response="200"><action><ereg regexp="x" assign_to="1,2"/></action></recv>\n'
    read = scenarios.read(scenario(_REGISTER, action, _NOTIFY, _REGISTER))
    assert read.cut
    assert read.skipped is None
    assert "NOTIFY" not in read.text
    assert read.text.rstrip().endswith('<Reference variables="1,2"/>\n</scenario>')


def test_an_optional_request_is_no_other_partys_turn() -> None:
    optional = '<recv request="OPTIONS" optional="true"/>\n'
    assert not scenarios.read(scenario(_REGISTER, optional, _OK)).cut


@pytest.mark.parametrize(
    ("text", "name", "why"),
    [
        (scenario(_NOTIFY, _REGISTER, _OK), "", "waits for another party's NOTIFY"),
        (scenario(_REGISTER, "<recvCmd></recvCmd>"), "", "3PCC"),
        (scenario(_REGISTER, '<nop><action><exec command="rm x"/></action></nop>'), "", "command"),
        (scenario(_REGISTER, _OK), "channels/tls/register.xml", "TLS"),
        (scenario(_REGISTER.replace("[transport]", "WSS"), _OK), "", "WSS"),
    ],
)
def test_why_one_is_not_run(text: str, name: str, why: str) -> None:
    assert why in (scenarios.read(text, name).skipped or "")


def test_place_names_the_transport() -> None:
    assert scenarios.read(scenario(_REGISTER), "a/register_tcp/x.xml").over_tcp
    assert scenarios.read(scenario(_REGISTER), "a/register-ipv6.xml").over_ipv6
    assert scenarios.read(scenario(_REGISTER), "results/x.xml").skipped is None


def test_users_that_it_names_itself() -> None:
    text = scenario(_REGISTER.replace("To: <sip:[service]@", "To: <sip:alice@"))
    assert scenarios.read(text).users == {"alice"}


# -- what is injected -----------------------------------------------------------------------------


def test_fields_mean_what_stands_around_them() -> None:
    text = """
      REGISTER sip:[field0 file="callee.csv" line=0]@[field3 file="callee.csv" line=0] SIP/2.0
      Call-ID: NGCP%[field4 file="callee.csv" line=0]%///[call_id]
      [field2 file="callee.csv" line=0]
      Contact: <sip:[field0 file="callee.csv" line=0]@[local_ip]:[local_port]>
    """
    assert injecting.files(text, GIVEN) == {
        "callee.csv": "SEQUENTIAL\n"
        "peer1;0;[authentication username=peer1 password=secret];example.test;peers;\n"
    }
    assert injecting.main_file(text) is None


def test_each_line_that_is_named_is_another_user() -> None:
    text = 'To: <sip:[field0 file="a.csv" line=2]@x>\nFrom: <sip:[field0 file="a.csv" line=0]@x>'
    assert injecting.files(text, GIVEN) == {"a.csv": "SEQUENTIAL\npeer1;\npeer1-1;\npeer1-2;\n"}
    assert injecting.users(text, GIVEN) == ["peer1", "peer1-1", "peer1-2"]


def test_fields_without_a_file() -> None:
    text = "To: <sip:[field1]@[field0]>\nContact: <sip:x@h:[field2]>;expires=[field3]"
    (name,) = injecting.files(text, GIVEN)
    assert injecting.main_file(text) == name
    assert injecting.files(text, GIVEN)[name] == "SEQUENTIAL\nexample.test;peer1;6000;60;\n"


@pytest.mark.parametrize(
    ("name", "value"),
    [("aor", "peer1"), ("contact", "sip:peer1@127.0.0.1:6000"), ("customip2", "127.0.0.3"),
     ("remoteport1", "6001"), ("domain", "example.test"), ("expires", "60"),
     ("password", "secret"), ("whatever", "1"), ("ip99999", "127.0.0.200")],
)  # fmt: skip
def test_keys_by_their_names(name: str, value: str) -> None:
    assert injecting.key(name, GIVEN, ipv6=False) == value


def test_an_ipv6_key() -> None:
    assert injecting.key("customip1", GIVEN, ipv6=True) == "[::2]"


@pytest.mark.parametrize(
    ("configuration", "user"),
    [
        ("- { 'key-args': {'scenario': 'r.xml', '-i': '127.0.0.1', '-s': 'alice'} }", "alice"),
        ("{'scenario': 'r.xml', '-p': '5061'}\n{'scenario': 'other.xml', '-s': 'bob'}", None),
        ("nothing of it", None),
        ("args: -sf r.xml -s carol", "carol"),
    ],
)
def test_whom_the_suite_runs_it_for(configuration: str, user: str | None) -> None:
    assert injecting.argument(configuration, "r.xml", "-s") == user


# -- what came of it ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "calls", "wrong", "verdict"),
    [
        (0, 1, [], Verdict.PASSED),
        (1, 1, [], Verdict.REFUSED),
        (255, 1, [], Verdict.REFUSED),
        (1, 0, [], Verdict.SKIPPED),
        (0, 1, ["phantom"], Verdict.WRONG),
        (1, 1, ["streams.stage ended"], Verdict.WRONG),
        (255, 0, ["phantom"], Verdict.WRONG),
    ],
)
def test_verdicts(status: int, calls: int, wrong: list[str], verdict: Verdict) -> None:
    assert judge("x", status=status, calls=calls, complaint="", wrong=wrong).verdict is verdict


def test_the_last_line() -> None:
    outcomes = [Outcome("a", Verdict.PASSED), Outcome("b", Verdict.WRONG, "phantom")]
    assert json.loads(summary("suite", "kamailio", outcomes)) == {
        "suite": "suite",
        "server": "kamailio",
        "passed": 1,
        "refused": 0,
        "wrong": 1,
        "skipped": 0,
        "wrong_names": ["b"],
    }
