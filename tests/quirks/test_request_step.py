"""The quirks' step of a request's rewriting: after the edits, each in its turn, and a failing one harms nothing."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING

import pytest

from tests.quirks.kit import made_up, nothing, plant
from tests.rules.kit import KIMI, OPENAI, bearer, request, resolved, rewritten
from wiremend.pipeline.outcome import Rewritten
from wiremend.pipeline.request import rewrite
from wiremend.quirks import base
from wiremend.quirks.memory import Memory

if TYPE_CHECKING:
    from collections.abc import Callable

    from wiremend.quirks.base import Draft

TO_LAB = "providers: {lab: {base_url: 'https://llm.example/v1', auth: none}}\nroutes: [{to: lab/sent}]\n"
BODY = b'{ "model":"asked", "list":[1,2.0], "user":"caf\\u00e9" }'
SENT = BODY.replace(b"asked", b"sent")


def append(what: str) -> Callable[[Draft], None]:
    def mend(draft: Draft) -> None:
        if what not in draft.document["list"]:
            draft.set("/list/-", what)

    return mend


@pytest.fixture
def decodings(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Give the bodies that are decoded for quirks."""
    seen: list[bytes] = []
    decode = base.decoded

    def watched(body: bytes) -> object:
        seen.append(body)
        return decode(body)

    monkeypatch.setattr(base, "decoded", watched)
    return seen


def test_quirks_work_in_the_order_of_their_numbers_on_the_edited_body(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(
        monkeypatch,
        made_up("late", number=3, kind="always", request=append("late")),
        made_up("early", number=2, kind="always", request=append("early")),
        made_up("not-chosen", number=1, request=append("never")),
    )
    got = rewritten(resolved(TO_LAB + "edits: [{set: {/list/1: edited}}]"), body=BODY)
    assert got.body == SENT.replace(b"[1,2.0]", b'[1,"edited","early","late"]')
    mended = [note for note in got.notes if note.kind == "mended"]
    assert [(note.short, note.where, note.why) for note in mended] == [
        ("early", "/list/-", "quirk early"),
        ("late", "/list/-", "quirk late"),
    ]


def test_a_quirk_sees_the_exchange_and_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Draft] = []
    plant(monkeypatch, made_up(kind="always", request=seen.append))
    memory = Memory()
    memory.keep("reasoning:call_1", "because")
    asked = request(body=b'{"model":"asked","stream":true}', headers={"User-Agent": "opencode/1.18.33"})
    rewrite(asked, resolved(TO_LAB), memory, "flow-1")
    draft, *_ = seen
    assert draft.memory is memory
    assert draft.scope == base.Scope("chat", "sent", "lab", "llm.example", "opencode", True, "flow-1", 443)  # noqa: FBT003 - the stream flag, in the place that Scope gives it


def test_headers_change_where_a_quirk_changes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(
        monkeypatch,
        made_up(kind="always", request=lambda draft: draft.set_header("anthropic-beta", None, "refused there")),
    )
    got = rewritten(resolved(TO_LAB), body=BODY, headers={"anthropic-beta": "a", "X-B": "c"})
    assert "anthropic-beta" not in got.headers
    assert got.headers.get("x-b") == "c"
    assert got.body == SENT


def test_a_quirk_that_fails_is_noted_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(draft: Draft) -> None:
        draft.set("/user", "half done")
        draft.set_header("x-a", "half done", "")
        raise RuntimeError(f"it held {KIMI} and more")

    plant(
        monkeypatch,
        made_up("first", number=1, kind="always", request=append("first")),
        made_up("broken", number=2, kind="always", request=broken),
        made_up("last", number=3, kind="always", request=append("last")),
    )
    got = rewritten(resolved(TO_LAB), body=BODY)
    assert got.body == SENT.replace(b"2.0]", b'2.0,"first","last"]')
    assert "x-a" not in got.headers
    (failed,) = [note for note in got.notes if note.kind == "failed"]
    assert (failed.short, failed.why) == ("broken", "quirk broken")
    assert KIMI not in failed.what


def test_notes_hold_no_credential_that_stands_in_the_body(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, made_up(kind="always", request=lambda draft: draft.set("/user", f"my key is {OPENAI}")))
    got = rewritten(resolved(TO_LAB), body=BODY)
    assert OPENAI in (got.body or b"").decode()
    assert OPENAI not in repr(got.notes)


def test_mend_off_lets_all_quirks_rest(monkeypatch: pytest.MonkeyPatch, decodings: list[bytes]) -> None:
    plant(
        monkeypatch,
        made_up("body", kind="always", request=append("x")),
        made_up("query", kind="always", target=lambda target: f"{target}?x=1"),
    )
    on = rewritten(resolved(TO_LAB), body=BODY)
    off = rewritten(resolved(TO_LAB + "mend: off"), body=BODY)
    assert (on.destination.path, off.destination.path) == ("/v1/chat/completions?x=1", "/v1/chat/completions")
    assert on.body != off.body == SENT
    assert off.decision.quirks == ("body", "query")
    assert not off.decision.mend
    assert decodings == [SENT, *decodings[1:]]


def test_a_body_is_decoded_only_where_a_quirk_is_to_see_it(
    monkeypatch: pytest.MonkeyPatch, decodings: list[bytes]
) -> None:
    rules = resolved(TO_LAB)
    plant(
        monkeypatch,
        made_up("other-host", presets=("groq",), request=nothing),
        made_up("reply", number=2, kind="always", reply=lambda *_: None),
        made_up("needle", number=3, kind="always", request=nothing, needles=(b"developer", b"system")),
    )
    assert rewritten(rules, body=BODY).body == SENT
    assert decodings == []
    body = b'{"model":"asked","messages":[{"role":"system"}]}'
    assert rewritten(rules, body=body).body == body.replace(b"asked", b"sent")
    assert decodings == [body.replace(b"asked", b"sent")]


@pytest.mark.parametrize(
    ("target", "mended"),
    (
        ("/v1/messages", True),
        ("/v1/messages/count_tokens", True),
        ("/v1/chat/completions", True),
        ("/v1/responses", True),
        ("/v1/embeddings", False),
        ("/v1/models", False),
    ),
)
def test_what_asks_for_a_turn_or_counts_one_is_mended(
    monkeypatch: pytest.MonkeyPatch, target: str, *, mended: bool
) -> None:
    plant(monkeypatch, made_up(kind="always", wires=("messages", "chat", "responses"), request=append("x")))
    got = rewritten(resolved(TO_LAB), target=target, body=BODY)
    assert (b'"x"' in (got.body or BODY)) is mended


def test_what_has_no_body_or_no_json_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, made_up(kind="always", request=append("x")))
    for body in (b"", b"no json", b"\xff"):
        assert rewritten(resolved(TO_LAB), body=body).body is None


def test_a_coded_body_that_a_quirk_changes_leaves_as_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, made_up(kind="always", request=append("x")))
    coded = {"host": "llm.example", "headers": {"content-encoding": "deflate"}}
    got = rewritten(resolved("routes: []"), body=zlib.compress(BODY), **coded)
    assert got.body == BODY.replace(b"2.0]", b'2.0,"x"]')
    assert "content-encoding" not in got.headers
    assert [note.what for note in got.notes if note.where == "header:content-encoding"] == ["deflate -> identity"]
    plant(monkeypatch, made_up(kind="always", request=nothing))
    same = rewritten(resolved("routes: []"), body=zlib.compress(BODY), **coded)
    assert same.body is None
    assert same.headers.get("content-encoding") == "deflate"


def test_where_the_client_went_by_itself_the_host_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, made_up("groq", presets=("groq",), request=append("x")))
    rules = resolved("routes: []")
    assert rewritten(rules, host="api.groq.com", target="/openai/v1/chat/completions", body=BODY).body is not None
    assert rewritten(rules, host="llm.example", body=BODY).body is None


def test_a_providers_setting_counts_at_its_host_too(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, made_up("seen", presets=("deepseek",), request=append("x")))
    at = {"host": "api.deepseek.com", "body": BODY, "headers": bearer(OPENAI)}
    assert rewritten(resolved("routes: []"), **at).body is not None
    for setting in ("quirks: []", "quirks: [-seen]", "mend: off"):
        rules = resolved(f"providers: {{deepseek: {{{setting}}}}}")
        assert rewritten(rules, **at).body is None, setting
        assert rewritten(rules, **at, target="/beta/v1/chat/completions").body is None, setting


def test_a_query_is_mended_and_no_credential_of_it_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, made_up(side="url", kind="always", target=lambda target: target.replace("beta=true&", "")))
    got = rewritten(resolved("routes: []"), host="llm.example", target=f"/v1/chat/completions?beta=true&key={OPENAI}")
    assert got.destination.path == f"/v1/chat/completions?key={OPENAI}"
    assert [note.short for note in got.notes if note.kind == "mended"] == ["made-up"]
    assert OPENAI not in repr(got.notes)


def test_what_is_no_llm_request_meets_no_quirk(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, made_up(kind="always", request=append("x"), target=lambda _: "/elsewhere"))
    outcome = rewrite(request(host="api.openai.com", target="/v1/files", body=BODY), resolved(TO_LAB))
    assert not isinstance(outcome, Rewritten)


def test_the_same_request_gives_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, made_up(kind="always", request=lambda draft: draft.set("/id", draft.scope.seed)))
    outcomes = [rewrite(request(body=BODY), resolved(TO_LAB), Memory(), "seed") for _ in range(2)]
    bodies = [outcome.body for outcome in outcomes if isinstance(outcome, Rewritten)]
    assert bodies[0] == bodies[1]
    assert json.loads(bodies[0] or b"")["id"] == "seed"


def test_what_a_later_quirk_changes_an_earlier_one_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the temperature that a model takes depends on a switch that another quirk takes away."""

    def judge(draft: Draft) -> None:
        if draft.document.get("user") is None and draft.document["list"]:
            draft.set("/list", [])

    def change(draft: Draft) -> None:
        if "user" in draft.document:
            draft.remove("/user")

    plant(
        monkeypatch,
        made_up("judge", number=1, kind="always", request=judge),
        made_up("change", number=2, kind="always", request=change),
    )
    got = rewritten(resolved(TO_LAB), body=BODY)
    assert json.loads(got.body or b"") == {"model": "sent", "list": []}
    assert [note.short for note in got.notes if note.kind == "mended"] == ["change", "judge"]


def test_a_quirk_that_is_never_content_is_asked_twice_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, made_up(kind="always", request=lambda draft: draft.set("/list/-", 0)))
    assert json.loads(rewritten(resolved(TO_LAB), body=BODY).body or b"")["list"] == [1, 2.0, 0, 0]
