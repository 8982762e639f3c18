"""The user's words in a request: all three wires, as agents send them, and nothing of what the agents add."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiremend.rules import furniture
from wiremend.rules.utterances import MOST, MOST_TURNS, clipped, turns_of

TOP: Final = Path(__file__).parents[2]


def messages(*items: Any) -> bytes:  # noqa: ANN401 - any JSON
    return json.dumps({"model": "m", "messages": items}).encode()


def responses(*items: Any) -> bytes:  # noqa: ANN401 - any JSON
    return json.dumps({"model": "m", "input": items}).encode()


def user(content: object) -> dict[str, object]:
    return {"role": "user", "content": content}


def text(said: str, kind: str = "text") -> dict[str, object]:
    return {"type": kind, "text": said}


def assistant(content: object = "Yes.") -> dict[str, object]:
    return {"role": "assistant", "content": content}


def item(said: str, role: str = "user") -> dict[str, object]:
    return {"type": "message", "role": role, "content": [text(said, "input_text")]}


CALL: Final = {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "ls"}}
RESULT: Final = {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "a review"}]}
CHAT_CALL: Final = {"id": "c1", "type": "function", "function": {"name": "bash", "arguments": "{}"}}
ITEM_CALL: Final = {"type": "function_call", "call_id": "c1", "name": "shell", "arguments": "{}"}
ITEM_RESULT: Final = {"type": "function_call_output", "call_id": "c1", "output": "a review"}
IMAGE: Final = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
DOCUMENT: Final = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a story"}}

CASES: Final[dict[str, tuple[bytes, tuple[str, ...]]]] = {
    "a text": (messages(user("hi")), ("hi",)),
    "parts": (messages(user([text("one"), text("two")])), ("one\ntwo",)),
    "newest first": (messages(user("one"), assistant(), user("two")), ("two", "one")),
    "an image and a document say nothing": (messages(user([IMAGE, DOCUMENT, text("what is it?")])), ("what is it?",)),
    "an image alone": (messages(user([IMAGE])), ()),
    "results of tools, messages": (messages(user("do it"), assistant([CALL]), user([RESULT])), ("do it",)),
    "a word beside a result": (messages(user("a"), assistant([CALL]), user([RESULT, text("stop")])), ("stop", "a")),
    "results of tools, chat": (
        messages(
            user("do it"),
            {"role": "assistant", "content": None, "tool_calls": [CHAT_CALL]},
            {"role": "tool", "tool_call_id": "c1", "content": "a review"},
        ),
        ("do it",),
    ),
    "results of tools, responses": (responses(item("do it"), ITEM_CALL, ITEM_RESULT), ("do it",)),
    "a result between two wishes": (responses(item("a"), ITEM_CALL, ITEM_RESULT, item("b")), ("b", "a")),
    "input that is a text": (b'{"input": "hi"}', ("hi",)),
    "input without types": (responses({"role": "user", "content": "hi"}), ("hi",)),
    "system and developer": (
        messages({"role": "system", "content": "s"}, {"role": "developer", "content": "d"}, user("hi")),
        ("hi",),
    ),
    "developer, responses": (responses(item("be brief", "developer"), item("hi")), ("hi",)),
    "a system turn in mid-conversation parts nothing": (
        messages(user("one"), {"role": "system", "content": "The file changed."}, user("two")),
        ("one\ntwo",),
    ),
    "nor does a developer's": (
        messages(user("one"), {"role": "developer", "content": "d"}, user("two")),
        ("one\ntwo",),
    ),
    "messages in a row are one turn": (responses(item("one"), item("two")), ("one\ntwo",)),
    "what the model said is not the user's": (responses(item("hi"), item("a review", "assistant")), ("hi",)),
    "half an emoji": (rb'{"messages": [{"role": "user", "content": "prove \ud83d it"}]}', ("prove � it",)),
    "an emoji": (rb'{"messages": [{"role": "user", "content": "\ud83d\ude00"}]}', ("\U0001f600",)),
    "no UTF-8": (b'{"messages": [{"role": "user", "content": "f\xfcr"}]}', ("f�r",)),
    "a byte order mark": (b'\xef\xbb\xbf{"input": "hi"}', ("hi",)),
    "of repeated keys the last": (b'{"input": "a", "input": "b"}', ("b",)),
    # Claude Code
    "a reminder in a part of its own": (
        messages(user([text("<system-reminder>\nreview\n</system-reminder>\n\n"), text("Say it.")])),
        ("Say it.",),
    ),
    "a reminder in the midst": (messages(user("go <system-reminder>a</system-reminder>on")), ("go on",)),
    "a reminder alone beside a result": (
        messages(user("a"), assistant([CALL]), user([RESULT, text("<system-reminder>b</system-reminder>")])),
        ("a",),
    ),
    "a slash command and what it stands for": (
        messages(
            user([text("<command-message>review</command-message>\n<command-name>/review</command-name>"), text("Do.")])
        ),
        ("Do.",),
    ),
    "what a local command printed": (messages(user("<local-command-stdout>proof</local-command-stdout>")), ()),
    "a shell command of the user's": (
        messages(
            user("<bash-input>ls</bash-input>"), user("<bash-stdout>a story</bash-stdout><bash-stderr></bash-stderr>")
        ),
        (),
    ),
    "a request for a title": (messages(user("<session>\nwrite a poem\n</session>")), ()),
    "broken off": (messages(user([text("[Request interrupted by user for tool use]"), text("stop")])), ("stop",)),
    "broken off behind a reminder": (
        messages(user("<system-reminder>a</system-reminder>\n[Request interrupted by user]")),
        (),
    ),
    "compacting": (
        messages(user("prove it"), assistant(), user("Your task is to create a detailed summary of this, please.")),
        ("prove it",),
    ),
    # Codex
    "AGENTS.md and the environment": (
        responses(
            item("# AGENTS.md instructions for /a\n\n<INSTRUCTIONS>\nreview\n</INSTRUCTIONS>"),
            item("<environment_context>\n  <cwd>/a</cwd>\n</environment_context>"),
            item("fix it"),
        ),
        ("fix it",),
    ),
    "a turn that was broken off": (responses(item("<turn_aborted>\nwhy\n</turn_aborted>"), item("go on")), ("go on",)),
    # OpenCode
    "a title for the conversation": (
        messages(user("Generate a title for this conversation:\n"), user("write a poem")),
        (),
    ),
    "a user who says so later": (
        messages(user("Generate a title for this conversation:"), assistant(), user("prove it")),
        ("prove it", "Generate a title for this conversation:"),
    ),
    "a file that is attached": (
        messages(
            user(
                [text("see @a"), text("Called the Read tool with the following input: {}"), text("<file>\nx\n</file>")]
            )
        ),
        ("see @a",),
    ),
    # others
    "qwen-code's beginning": (
        messages(user("This is the Qwen Code. We begin."), assistant(), user("prove it")),
        ("prove it",),
    ),
    "Cline's wrapper": (messages(user('<user_input mode="act">prove it</user_input>')), ("prove it",)),
    "Cline's surroundings": (
        messages(user("<task>\nprove it\n</task>\n<environment_details>\n# Tabs\n</environment_details>")),
        ("prove it",),
    ),
    "a skill of pi's": (messages(user('<skill name="a" location="/b">\nwrite\n</skill>\n\nnow')), ("now",)),
    "Hermes' memory": (messages(user("<memory-context>\nstory\n</memory-context>\nhi")), ("hi",)),
    # what only looks like furniture
    "a tag that nothing closes": (
        messages(user("what is <system-reminder> for?")),
        ("what is <system-reminder> for?",),
    ),
    "a tag of another name": (messages(user("<sessions>a</sessions>")), ("<sessions>a</sessions>",)),
}


@pytest.mark.parametrize(("body", "turns"), CASES.values(), ids=CASES.keys())
def test_the_users_words(body: bytes, turns: tuple[str, ...]) -> None:
    assert turns_of(body) == turns


@pytest.mark.parametrize(
    "body",
    (
        None,
        b"",
        b"null",
        b"[]",
        b'"hi"',
        b"{",
        b'{"messages": 1}',
        b'{"messages": {"role": "user"}}',
        b'{"messages": [1, null, "hi", [], {}]}',
        b'{"messages": [{"role": {"a": 1}, "content": "hi"}, {"role": [], "type": {}}]}',
        b'{"messages": [{"role": "user"}]}',
        b'{"messages": [{"role": "user", "content": {"text": "hi"}}]}',
        b'{"messages": [{"role": "user", "content": [1, "a", {"text": 1}, {"type": {}, "text": "a"}, {"type": []}]}]}',
        b'{"messages": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"messages": [{"role": "user", "content": ' + b"[" * 100_000 + b"]" * 100_000 + b"}]}",
        b'{"messages": [{"role": "user", "content": 1e999999}]}',
    ),
    ids=range(16),
)
def test_what_says_nothing(body: bytes | None) -> None:
    assert turns_of(body) == ()


def sessions() -> list[Path]:
    """Give the recorded requests of real agents."""
    return sorted((TOP / "captures").glob("*/session-*/client.request.json"))


@pytest.mark.parametrize("path", sessions(), ids=lambda path: path.parent.name)
def test_a_recorded_session_asks_what_was_typed(path: Path) -> None:
    """Each was started with the words "Say it."; the second request of a session has a tool's result at its end."""
    (said,) = turns_of(path.read_bytes())
    assert said.strip('"') == "Say it."


def test_there_are_sessions_of_three_agents() -> None:
    assert {path.parent.name.split("-")[1] for path in sessions()} >= {"claude", "codex", "opencode"}


ENCLOSED = sorted({tag for tags in furniture.ENCLOSED.values() for tag in tags})


@pytest.mark.parametrize("tag", ENCLOSED)
@pytest.mark.parametrize("attributes", ("", ' a="b"'), ids=("bare", "attributed"))
def test_what_a_tag_encloses_is_not_said(tag: str, attributes: str) -> None:
    closing = f"</{tag}>"
    assert turns_of(messages(user(f"one <{tag}{attributes}>\nreview <b>\n{closing} two"))) == ("one  two",)


@pytest.mark.parametrize("opening", sorted({one for all_ in furniture.OPENINGS.values() for one in all_}))
def test_a_text_that_begins_so_is_not_said(opening: str) -> None:
    assert turns_of(messages(user([text(f"\n{opening} and more"), text("hi")]))) == ("hi",)
    assert turns_of(messages(user(f"it says: {opening}"))) == (f"it says: {opening}",)


def test_long_turns_are_given_from_both_ends() -> None:
    (said,) = turns_of(messages(user(f"first {'x ' * 500_000} last")))
    assert said.startswith("first x")
    assert said.endswith("x  last")
    assert len(said.encode()) <= MOST


def test_a_fence_that_the_middle_opened_is_open_in_the_end() -> None:
    said = clipped("review\n" + "x\n" * 5_000 + "```\n" + "y\n" * 5_000 + "```\nplease")
    assert said.count("```") == 2, "one in the place of the middle, one of the end"


def test_so_many_turns_are_given() -> None:
    many = [one for number in range(50) for one in (user(f"turn {number}"), assistant())]
    assert turns_of(messages(*many)) == tuple(f"turn {49 - number}" for number in range(MOST_TURNS))


# --- laws ------------------------------------------------------------------------------------------------------------

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
JSON = st.recursive(
    LEAVES | st.sampled_from(("user", "system", "text", "tool_result")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(("role", "type", "content", "text", "messages", "input")), inner, max_size=4)
    ),
    max_leaves=25,
)
SAID = st.text(st.characters(exclude_characters="<", exclude_categories=["Cs"]), min_size=1, max_size=60).filter(
    lambda said: said.strip() == said and not said.startswith(("[", "#", "<"))
)
BETWEEN = (
    {"role": "system", "content": "review this code and write a poem"},
    {"role": "developer", "content": [text("prove it")]},
)


@given(st.binary(max_size=200))
def test_bytes_never_raise(body: bytes) -> None:
    assert isinstance(turns_of(body), tuple)


@given(JSON)
def test_json_never_raises(document: object) -> None:
    assert all(said.strip() for said in turns_of(json.dumps(document).encode()))


@given(st.dictionaries(st.sampled_from(("messages", "input")), JSON, min_size=1))
def test_a_body_never_raises(document: object) -> None:
    assert len(turns_of(json.dumps(document).encode("utf-8", "surrogatepass"))) <= MOST_TURNS


@given(st.text(max_size=6_000))
def test_clipping_is_bounded_and_happens_once(said: str) -> None:
    assert len(clipped(said).encode("utf-8", "replace")) <= MOST
    assert clipped(clipped(said)) == clipped(said)


@given(st.lists(SAID, min_size=1, max_size=4), st.integers(1, 5))
def test_results_of_tools_behind_the_users_turn_change_nothing(said: list[str], rounds: int) -> None:
    spoken = [one for words in said for one in (user(words), assistant())][:-1]
    expected = tuple(reversed(said))
    assert turns_of(messages(*spoken)) == expected
    assert turns_of(messages(*spoken, *[assistant([CALL]), user([RESULT])] * rounds)) == expected
    items = [one for words in said for one in (item(words), item("Yes.", "assistant"))][:-1]
    assert turns_of(responses(*items, *[ITEM_CALL, ITEM_RESULT] * rounds)) == expected


@given(
    st.lists(SAID, min_size=1, max_size=4), st.lists(st.tuples(st.integers(0, 8), st.sampled_from(BETWEEN)), max_size=4)
)
def test_system_text_changes_nothing(said: list[str], between: list[tuple[int, dict[str, Any]]]) -> None:
    spoken = [one for words in said for one in (user(words), assistant())][:-1]
    mixed = list(spoken)
    for place, one in between:
        mixed.insert(min(place, len(mixed)), one)
    body = {"system": "review", "instructions": "review", "messages": mixed, "tools": [{"description": "review"}]}
    assert turns_of(json.dumps(body).encode()) == turns_of(messages(*spoken))
