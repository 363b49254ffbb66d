"""The API beyond a desk's acts: revisions as ETags, pages, tokens, exact shapes."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from tests.conformance.hub.test_routes import BODIES, PARTS, QUERIES
from tests.hubs import Served

from ketch.hub.api import CALLS, PREFIX
from ketch.registry.hub import HubDesk, connect
from ketch.registry.hub import desk as desk_of_a_hub

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def token(served: Served) -> str:
    return served.token("otto")


def policy(served: Served, token: str, match: str | None, **said: object) -> Any:
    headers = {} if match is None else {"If-Match": match}
    body = {"policy": {"approvals": 1}, **said}
    path = f"{PREFIX}/routes/greetings/policy"
    return served.ask("PUT", path, token=token, body=body, headers=headers)


class TestRevisions:
    def test_a_route_is_changed_only_as_it_was_seen(self, served: Served, token: str) -> None:
        seen = served.ask("GET", f"{PREFIX}/routes/greetings", token=token)
        tag = seen.headers["etag"]
        assert tag == f'"{seen.json["revision"]}"'
        assert policy(served, token, tag).status == 200
        late = policy(served, token, tag)
        assert (late.status, late.json["code"]) == (412, "route/moved")
        late = policy(served, token, None, revision=seen.json["revision"])
        assert (late.status, late.json["code"]) == (409, "route/moved")

    @pytest.mark.parametrize(
        "match", ["x", "1", '"1', '"x"', '"-1"', '"1", "2"', 'W/"1"', '"' + "9" * 30]
    )
    def test_what_is_no_tag_is_refused(self, served: Served, token: str, match: str) -> None:
        answer = policy(served, token, match)
        assert (answer.status, answer.json["code"]) == (400, "hub/request")

    def test_any_revision_will_do_for_a_star(self, served: Served, token: str) -> None:
        assert policy(served, token, "*").status == 200

    def test_what_is_known_already_is_not_sent_again(self, served: Served, token: str) -> None:
        path = f"{PREFIX}/routes/greetings"
        tag = served.ask("GET", path, token=token).headers["etag"]
        again = served.ask("GET", path, token=token, headers={"If-None-Match": tag})
        assert (again.status, again.content) == (304, b"")


class TestPages:
    def test_a_long_list_is_told_whole(
        self, served: Served, token: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for _ in range(12):
            assert policy(served, token, None).status == 200
        monkeypatch.setattr(desk_of_a_hub, "_MOST", 5)
        with connect(served.url, token=token) as session:
            desk = HubDesk(session)
            events = desk.history(limit=1000)
            assert len(events) > 12
            assert [one.seq for one in events] == list(range(desk.head().seq, 0, -1))
            assert desk.history(limit=7, before=events[3].seq) == events[4:11]
            monkeypatch.setattr(desk_of_a_hub, "_MOST", 1)
            assert len(desk.versions(limit=1000).items) == 3
            page = desk.versions(limit=2)
            assert [*page.items, *desk.versions(after=page.after).items] == [
                *desk.versions(limit=3).items
            ]


class TestTokens:
    def test_an_admin_lets_people_in_and_out(self, served: Served, token: str) -> None:
        body = {"person": "cleo", "role": "viewer", "packages": ["shop*"], "days": 3}
        made = served.ask("POST", f"{PREFIX}/tokens", token=token, body=body)
        assert made.status == 200, made
        theirs, known = made.json["token"], made.json["known"]
        me = served.ask("GET", f"{PREFIX}/me", token=theirs)
        assert me.json == {"person": "cleo", "role": "viewer", "packages": ["shop*"]}
        listed = served.ask("GET", f"{PREFIX}/tokens", token=token)
        assert known in listed.json["tokens"]
        assert theirs not in listed.content.decode()
        ended = served.ask("DELETE", f"{PREFIX}/tokens/{known['id']}", token=token)
        assert ended.json["revoked"]
        assert served.ask("GET", f"{PREFIX}/me", token=theirs).status == 401


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.method} {call.path}")
def test_an_answer_holds_what_its_type_says_and_nothing_else(
    served: Served, token: str, call: Any
) -> None:
    key = f"{call.method} {PREFIX}{call.path}"
    path = re.sub(r"{(\w+)}", lambda found: PARTS[found[1]], f"{PREFIX}{call.path}")
    query = QUERIES.get(key, "")
    answer = served.ask(call.method, f"{path}{query}", token=token, body=BODIES.get(key))
    if answer.status != 200:
        assert answer.status in {404, 409}, answer
        return
    told = msgspec.convert(answer.json, call.gives, strict=True)
    whole = msgspec.to_builtins(told)
    assert {k: v for k, v in answer.json.items() if v is not None} == {
        k: v for k, v in whole.items() if v is not None
    }
