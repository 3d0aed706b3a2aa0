"""`/v1/users/AOR/explain`: the state in words, with evidence and the states before."""

from schemas.codec import validate
from sinks.gateway.board.explanation import Explanation
from sinks.gateway.gateway import Gateway
from tests.unit.sinks.gateway.api.conftest import ANN, EVE, OF_SOME, OF_TWO, Ask, message, user


def test_a_user_is_explained_with_the_states_before(ask: Ask, gateway: Gateway) -> None:
    gateway.check(0.0)
    gateway.apply([message(user(ANN, 2)), message(user(ANN, 3))])
    answer = ask(f"/v1/users/{ANN}/explain")
    found = validate(Explanation, answer.content)
    assert found.sentences[0] == f"{ANN} is reachable: 1 binding."
    assert [one.version for one in found.states] == [3, 2, 1]
    assert found.states[1].because == "its connection was closed"
    assert found.states[1].evidence == ["node-1/boot/2"]
    assert found.record == user(ANN, 3)


def test_a_token_gets_explanations_of_its_users_without_what_it_may_not_see(ask: Ask) -> None:
    assert ask(f"/v1/users/{ANN}/explain", OF_TWO).status_code == 404
    assert ask("/v1/users/sip:nobody@one.test/explain").status_code == 404
    answer = ask(f"/v1/users/{EVE}/explain", OF_SOME)
    assert answer.status_code == 200
    for hidden in ("192.0.2.1", "Phone/1", "contact"):
        assert hidden not in answer.text
