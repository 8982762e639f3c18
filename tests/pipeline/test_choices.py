"""Which preference conversations keep, and for how long."""

from __future__ import annotations

import pytest

from tests.rules.kit import facts, resolved
from wiremend.pipeline.choices import Choices, kind_of

RULES = resolved("default: local/m")


def test_a_choice_is_kept_until_its_time_whatever_is_said() -> None:
    choices = Choices()
    choices.keep("a", "k", "verse", ("one",), 10.0)
    assert choices.recall("a", "k", ("two",), 9.9) == "verse"
    assert choices.recall("b", "k", ("one",), 1.0) is None
    assert choices.recall("a", "other", ("one",), 1.0) is None
    assert choices.recall("a", "k", ("one",), 10.0) is None
    assert len(choices) == 0


def test_each_request_prolongs_it() -> None:
    choices = Choices()
    choices.keep("a", "k", "verse", (), 10.0)
    choices.keep("a", "k", "verse", (), 15.0)
    assert choices.recall("a", "k", (), 12.0) == "verse"


def test_that_none_fits_is_kept_as_long_as_nothing_new_is_said() -> None:
    choices = Choices()
    choices.keep("a", "k", "", ("go on", "hello"), 10.0)
    assert choices.recall("a", "k", ("go on", "something else"), 1.0) == ""
    assert choices.recall("a", "k", ("prove it",), 1.0) is None
    assert choices.recall("a", "k", (), 1.0) is None


def test_the_one_that_was_silent_for_longest_is_forgotten_first() -> None:
    choices = Choices(most=2)
    for name in ("a", "b", "a", "c"):
        choices.keep(name, "k", "verse", (), 10.0)
    assert [choices.recall(name, "k", (), 0.0) for name in ("a", "b", "c")] == ["verse", None, "verse"]


@pytest.mark.parametrize(
    ("body", "kind"),
    (
        (b'{"model":"m","tools":[{}]}', "tools m"),
        (b'{"model":"m","tools":[]}', "none m"),
        (b'{"model":"m","tools":[ ]}', "none m"),
        (b'{"model":"m","tools":null}', "none m"),
        (b'{"model":"m"}', "none m"),
        (b'{"tools":[1]}', "tools "),
        (b"[]", "none "),
        (b"{", "none "),
        (b"", "none "),
    ),
)
def test_turns_and_what_is_asked_beside_them_are_told_apart(body: bytes, kind: str) -> None:
    assert kind_of(facts(RULES, body=body)) == kind
