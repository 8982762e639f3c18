"""What looks like a credential, and what stands for one in a capture."""

from __future__ import annotations

import pytest

from wiremend.captures.scrub_surrogate import Surrogates
from wiremend.families import looks_like_credential, scrubbed

REST = "a1B2" * 12
KEYS = [f"{prefix}{REST}" for prefix in ("sk-kimi-", "sk-ant-oat01-", "sk-ant-api03-", "sk-or-v1-", "sk-proj-", "gsk_")]


@pytest.mark.parametrize("key", KEYS)
def test_a_surrogate_stays_whole_and_a_key_does_not(key: str) -> None:
    surrogate = Surrogates(b"salt").of(key)
    assert "SCRUBBED" in surrogate
    said = scrubbed(f"wrong key {surrogate}, not {key}!")
    assert f"wrong key {surrogate}, not " in said
    assert REST[:16] not in said


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("tail", ("Z", "-", "=x", "~Q", "/a"))
def test_a_key_that_only_begins_as_a_surrogate_is_a_key(key: str, tail: str) -> None:
    whole = Surrogates(b"salt").of(key) + tail
    assert whole not in scrubbed(f"key {whole}.")


@pytest.mark.parametrize("key", KEYS)
def test_a_request_is_judged_the_same_in_replay(key: str) -> None:
    """A header of the client's own invention that holds a key stays behind (G11), and so does its surrogate (G10)."""
    assert looks_like_credential(key)
    assert looks_like_credential(Surrogates(b"salt").of(key))


@pytest.mark.parametrize("key", (*KEYS, REST))
@pytest.mark.parametrize("left", (20, 30))
@pytest.mark.parametrize("behind", (". You", "****B2a1", ""))
def test_a_part_of_a_known_key_is_not_told(key: str, left: int, behind: str) -> None:
    part = key[: len(key) - len(REST) + left]
    said = scrubbed(f"two: {part}{behind} and {part}{behind}", [key])
    assert REST[:8] not in said
    assert said.count("…") == 2
    assert said.endswith(behind)


def test_words_at_the_beginning_of_a_known_value_are_no_part_of_it() -> None:
    assert scrubbed("the application-json-parser", ["application-json-a1b2c3d4"]) == "the application-json-parser"
