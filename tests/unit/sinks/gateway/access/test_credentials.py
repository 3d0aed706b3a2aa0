"""The token of a request: in a header or a cookie, never twice."""

import pytest
from starlette.datastructures import Headers

from sinks.gateway.access.credentials import check_site, credential_in
from sinks.gateway.errors import NotAllowed

COOKIE = "__Secure-rollcall"


def headers(*pairs: tuple[str, str]) -> Headers:
    return Headers(raw=[(name.encode(), value.encode("latin-1")) for name, value in pairs])


@pytest.mark.parametrize(
    ("given", "token", "from_cookie"),
    [
        ([("authorization", "Bearer abc")], "abc", False),
        ([("authorization", "bearer  abc ")], "abc", False),
        ([("cookie", f"a=1; {COOKIE}=abc; b=2")], "abc", True),
        ([("cookie", "a=1"), ("cookie", f"{COOKIE}=abc")], "abc", True),
        ([("authorization", "Bearer abc"), ("cookie", f"{COOKIE}=other")], "abc", False),
    ],
)
def test_one_token_is_found(given: list[tuple[str, str]], token: str, from_cookie: bool) -> None:
    found = credential_in(headers(*given), COOKIE)
    assert found is not None
    assert (found.token, found.from_cookie) == (token, from_cookie)
    assert "abc" not in repr(found)


@pytest.mark.parametrize(
    "given",
    [
        [],
        [("cookie", "a=1")],
        [("cookie", f"x{COOKIE}=abc")],
        [("cookie", f"{COOKIE.lower()}=abc")],
        [("cookie", "rollcall=abc")],
        [("x-authorization", "Bearer abc")],
    ],
)
def test_other_headers_have_none(given: list[tuple[str, str]]) -> None:
    assert credential_in(headers(*given), COOKIE) is None
    assert credential_in(headers(("cookie", f"{COOKIE}=abc")), None) is None


@pytest.mark.parametrize(
    "given",
    [
        [("authorization", "Bearer abc"), ("authorization", "Bearer abc")],
        [("authorization", "Bearer")],
        [("authorization", "")],
        [("authorization", "Basic YTpi"), ("cookie", f"{COOKIE}=abc")],
        [("cookie", f"{COOKIE}=abc; {COOKIE}=def")],
        [("cookie", f"{COOKIE}=abc"), ("cookie", f"{COOKIE}=def")],
    ],
)
def test_several_tokens_or_another_scheme_are_refused(given: list[tuple[str, str]]) -> None:
    with pytest.raises(NotAllowed) as caught:
        credential_in(headers(*given), COOKIE)
    assert caught.value.status == 401


@pytest.mark.parametrize(
    ("given", "allowed"),
    [
        ([], True),
        ([("sec-fetch-site", "same-origin")], True),
        ([("sec-fetch-site", "none")], True),
        ([("sec-fetch-site", "cross-site"), ("origin", "https://portal.test")], True),
        ([("sec-fetch-site", "cross-site")], False),
        ([("sec-fetch-site", "same-site")], False),
        ([("origin", "null")], False),
    ],
)
def test_a_page_of_another_site_does_not_use_the_cookie(
    given: list[tuple[str, str]], allowed: bool
) -> None:
    if allowed:
        check_site(headers(*given))
        return
    with pytest.raises(NotAllowed) as caught:
        check_site(headers(*given))
    assert caught.value.status == 403
