"""The answer to a count of tokens that no provider gives: an estimate, which the head of the reply says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from wiremend.notes import Note
from wiremend.pipeline.estimate import count_tokens

if TYPE_CHECKING:
    from wiremend.rules.facts import Facts


def estimated_count(facts: Facts, what: str, why: str, *, tokenizer: bool) -> tuple[bytes, Note]:
    """Estimate the tokens of a prompt; gives the body in the shape of the client's wire, and what says so.

    ``what`` leads the note, ``why`` says who does not count; ``tokenizer`` whether one may be used.
    """
    number, method = count_tokens(facts.body, tokenizer=tokenizer)
    kind = {"object": "response.input_tokens"} if facts.wire == "responses" else {}
    note = Note("invented", "", "path-count-tokens-404", f"{what}{number} tokens by our estimate ({method})", why)
    return msgspec.json.encode(kind | {"input_tokens": number}), note
