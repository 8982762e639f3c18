"""The registry: what each entry says, that the catalogue is covered, and which are on for a request."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

import wiremend.quirks
from tests.quirks.catalogue import NAMES
from tests.quirks.kit import made_up, nothing, plant
from tests.test_captures import refusals
from wiremend.protocols.chat.codes import CODES as CHAT_CODES
from wiremend.protocols.messages.codes import CODES as MESSAGES_CODES
from wiremend.protocols.responses.codes import CODES as RESPONSES_CODES
from wiremend.quirks import AUTO, Setting, all_quirks, chosen, may_be_named
from wiremend.quirks.base import Quirk, Scope
from wiremend.quirks.presets import BUILT_IN, HOSTS

if TYPE_CHECKING:
    from pathlib import Path

EVERY = list(all_quirks().values())
CODES = {"messages": MESSAGES_CODES, "chat": CHAT_CODES, "responses": RESPONSES_CODES}

every_quirk = pytest.mark.parametrize("quirk", EVERY, ids=lambda quirk: quirk.name)


# --- what an entry says -----------------------------------------------------------------------------------------------


def test_every_entry_of_the_catalogue_is_there_under_its_number() -> None:
    assert len(NAMES) == 149
    missing = {
        number: name
        for number, name in enumerate(NAMES, 1)
        if name not in all_quirks() or all_quirks()[name].number != number
    }
    assert missing == {}


@every_quirk
def test_an_entry_says_all_that_a_person_asks(quirk: Quirk) -> None:
    said = (quirk.who, quirk.symptom, quirk.mend, quirk.before, quirk.after, *quirk.evidence)
    assert all(text.strip() == text and text for text in said)
    assert not any("\n" in text for text in said)
    assert max(map(len, (quirk.who, quirk.symptom, quirk.mend))) <= 300
    assert quirk.evidence
    assert quirk.wires
    assert quirk.number > 0
    assert quirk.name == quirk.name.lower()
    assert set(quirk.name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")  # rules.schema.json knows names by these


@every_quirk
def test_links_are_https(quirk: Quirk) -> None:
    for text in quirk.evidence:
        assert "http://" not in text
        if "://" in text:
            assert text.startswith("https://")
            assert " " not in text, "one link each, and no words behind it"


@every_quirk
def test_codes_are_those_of_the_contracts_of_its_wires(quirk: Quirk) -> None:
    known = {code for wire in quirk.wires for code in CODES[wire]}
    assert set(quirk.codes) <= known


@every_quirk
def test_an_entry_can_be_on_as_its_kind_says(quirk: Quirk) -> None:
    assert set(quirk.presets) <= set(HOSTS)
    if quirk.kind == "explained":
        assert not quirk.works
    if quirk.kind in ("preset", "condition"):
        assert quirk.works
    if quirk.needles:
        assert quirk.request is not None
    assert all(glob == glob.strip() and glob for glob in (*quirk.models, *quirk.clients))


def test_every_mend_of_a_request_has_a_provider_that_refuses_it_unmended() -> None:
    wanted = {name for name, quirk in all_quirks().items() if quirk.request is not None}
    assert wanted - refusals().keys() == set()
    assert refusals().keys() - all_quirks().keys() == set()


def test_two_quirks_of_one_name_are_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("first_twin", "second_twin"):
        source = "from tests.quirks.kit import made_up\nQUIRKS = (made_up('twin'),)\n"
        (tmp_path / f"{name}.py").write_text(source, "utf-8")
        monkeypatch.setitem(sys.modules, f"wiremend.quirks.{name}", None)
        monkeypatch.delitem(sys.modules, f"wiremend.quirks.{name}")
    monkeypatch.setattr(wiremend.quirks, "__path__", [str(tmp_path)])
    with pytest.raises(ValueError, match="two quirks are called 'twin'"):
        all_quirks.__wrapped__()


def test_quirks_come_in_the_order_of_their_numbers() -> None:
    numbers = [quirk.number for quirk in EVERY]
    assert numbers == sorted(numbers)


# --- which are on -----------------------------------------------------------------------------------------------------

AT_DEEPSEEK = Scope("chat", "deepseek-v4-pro", "work", "api.deepseek.com", "opencode")


def names(setting: Setting, scope: Scope) -> list[str]:
    return [quirk.name for quirk in chosen(setting, scope)]


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(
        monkeypatch,
        made_up("always-on", number=9, kind="always", request=nothing),
        made_up("always-told", number=1, kind="always", codes=("chat.finish.missing",)),
        made_up("at-deepseek", number=3, presets=("deepseek",), request=nothing),
        made_up("at-deepseek-v4", number=4, presets=("deepseek",), models=("DeepSeek-V4*",), request=nothing),
        made_up("for-codex", number=5, presets=("deepseek",), clients=("codex*",), request=nothing),
        made_up("by-name", number=6, request=nothing),
        made_up("for-opencode", number=2, kind="condition", clients=("OpenCode",), request=nothing),
        made_up("unconditional", number=7, kind="condition", request=nothing),
        made_up("local-opencode", number=8, kind="condition", presets=("local",), clients=("*",), request=nothing),
        made_up("only-told", number=10, kind="explained"),
        made_up("of-messages", number=11, kind="always", wires=("messages",), request=nothing),
    )


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize(
    ("setting", "expected"),
    (
        (AUTO, ["for-opencode", "at-deepseek", "at-deepseek-v4", "always-on"]),
        (Setting(only=()), ["always-on"]),
        (Setting(only=("by-name",)), ["by-name", "always-on"]),
        (Setting(only=("for-codex", "at-deepseek")), ["at-deepseek", "for-codex", "always-on"]),
        (Setting(only=("of-messages",)), ["always-on"]),  # it is of another wire
        (Setting(on=("by-name",)), ["for-opencode", "at-deepseek", "at-deepseek-v4", "by-name", "always-on"]),
        (Setting(off=("at-deepseek", "for-opencode")), ["at-deepseek-v4", "always-on"]),
        (Setting(off=("always-on",)), ["for-opencode", "at-deepseek", "at-deepseek-v4"]),
        (
            Setting(on=("unconditional",), off=("at-deepseek",)),
            ["for-opencode", "at-deepseek-v4", "unconditional", "always-on"],
        ),
        (Setting(on=("only-told", "always-told")), ["for-opencode", "at-deepseek", "at-deepseek-v4", "always-on"]),
    ),
)
def test_what_the_setting_says_is_on(setting: Setting, expected: list[str]) -> None:
    found = names(setting, AT_DEEPSEEK)
    assert [name for name in found if name != "always-told"] == expected


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize(
    ("scope", "expected"),
    (
        (Scope("chat", "DEEPSEEK-V4-FLASH", None, "api.deepseek.com"), {"at-deepseek", "at-deepseek-v4"}),
        (Scope("chat", "deepseek-v3", None, "api.deepseek.com"), {"at-deepseek"}),
        (Scope("chat", None, None, "api.deepseek.com"), {"at-deepseek"}),
        (Scope("chat", None, None, "api.deepseek.com", "Codex"), {"at-deepseek", "for-codex"}),
        (Scope("chat", "deepseek-v4", None, "llm.example"), set()),
        (Scope("chat", "deepseek-v4", "deepseek", "llm.example"), {"at-deepseek", "at-deepseek-v4"}),
        (Scope("chat", None, None, "llm.example", "opencode"), {"for-opencode"}),
        (Scope("chat", None, "x", "127.0.0.1", "hermes", port=8000), {"local-opencode"}),
    ),
)
def test_what_the_exchange_says_is_on_by_itself(scope: Scope, expected: set[str]) -> None:
    assert set(names(AUTO, scope)) - {"always-on"} == expected
    assert "always-on" in names(AUTO, scope)


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize("host", ("api.anthropic.com", "bedrock-runtime.us-east-1.amazonaws.com"))
def test_a_host_that_signs_gets_no_request_changed_but_by_name(host: str) -> None:
    scope = Scope("messages", "claude-sonnet-4-5", None, host)
    assert names(AUTO, scope) == []
    assert names(Setting(on=("of-messages",)), scope) == ["of-messages"]
    assert names(AUTO, Scope("messages", "claude-sonnet-4-5", None, "llm.example")) == ["of-messages"]


def test_no_mend_of_a_request_is_on_at_anthropic_that_is_not_meant_for_it() -> None:
    for client in ("claude-code", "codex", None):
        for quirk in chosen(AUTO, Scope("messages", "claude-sonnet-4-5", "anthropic", "api.anthropic.com", client)):
            assert quirk.request is None or "anthropic" in quirk.presets


hosts = st.sampled_from(["api.deepseek.com", "api.kimi.com", "api.anthropic.com", "llm.example", "127.0.0.1"])
scopes = st.builds(
    Scope,
    wire=st.sampled_from(("messages", "chat", "responses")),
    model=st.none() | st.text() | st.sampled_from(["kimi-k2.6", "gpt-5.6", "deepseek-v4-pro"]),
    provider=st.none() | st.sampled_from([*BUILT_IN, "mine"]),
    host=hosts,
    client=st.none() | st.text() | st.sampled_from(["opencode", "claude-code"]),
    port=st.none() | st.sampled_from([443, 8000, 11434]),
)
some = st.lists(st.sampled_from([quirk.name for quirk in EVERY if may_be_named(quirk)]), max_size=4, unique=True)
settings = st.one_of(
    st.builds(lambda only: Setting(only=tuple(only)), some),
    st.builds(lambda on, off: Setting(on=tuple(on), off=tuple(n for n in off if n not in on)), some, some),
)


@given(settings, scopes)
def test_a_choice_keeps_to_the_setting_and_the_wire(setting: Setting, scope: Scope) -> None:
    found = chosen(setting, scope)
    here = {quirk.name for quirk in found}
    assert [quirk.number for quirk in found] == sorted(quirk.number for quirk in found)
    assert all(scope.wire in quirk.wires and quirk.kind != "explained" for quirk in found)
    assert here.isdisjoint(setting.off)
    named = {*(setting.only or ()), *setting.on}
    assert {name for name in named if scope.wire in all_quirks()[name].wires} <= here
    if setting.only is not None:
        assert all(quirk.kind == "always" for quirk in found if quirk.name not in named)
