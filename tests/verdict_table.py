"""addons/wiremend/explain/verdicts.json: what each strict parser says of each bad reply in captures/, without mending.

``python -m tests.verdict_table`` measures and writes it. ``tests/explain/test_verdict_table.py`` holds what the Python
parsers say to what is measured in the suite, ``tests/clients/test_verdicts_js.py`` the others.
"""

from __future__ import annotations

import json
import re
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.clients import judge
from tests.clients.install import installed, pinned
from tests.conformance import PYTHON, agents_of, cases, name_of
from tests.oracles import verdict
from tests.test_captures import stored
from wiremend.cli.captures_find import identified
from wiremend.explain.verdict_faults import faults

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.reply_cases import Case
    from tests.verdicts import Served, Verdict

    type Reader = Callable[[str, Served], Verdict]

FILE: Final = Path(__file__).parents[1] / "addons" / "wiremend" / "explain" / "verdicts.json"

PLAYED: Final[Mapping[str, tuple[str, str]]] = {
    "claude-code": ("messages", "Claude Code 2.1.197"),
    "anthropic-older": ("messages", "anthropic-python 0.75, @anthropic-ai/sdk 0.60"),
    "opencode": ("chat", "OpenCode 1.18.33"),
    "codex": ("responses", "Codex 0.169.0"),
    "reasoning-content": ("chat", "kimi-cli, qwen-code (their reading of reasoning)"),
}
"""Readers of agents that are played as they were measured: what they reject is evidence, what they take is none."""

_PARSERS: Final[Mapping[str, tuple[str, str, str]]] = {
    "anthropic-py": ("messages", "Anthropic SDK for Python", "anthropic"),
    "anthropic-node": ("messages", "Anthropic SDK for TypeScript", "@anthropic-ai/sdk"),
    "ai-sdk/anthropic": ("messages", "AI SDK, @ai-sdk/anthropic (as in OpenCode)", "@ai-sdk/anthropic"),
    "openai-py": ("chat", "OpenAI SDK for Python", "openai"),
    "openai-node": ("chat", "OpenAI SDK for TypeScript", "openai"),
    "ai-sdk/openai-compatible": ("chat", "AI SDK, @ai-sdk/openai-compatible", "@ai-sdk/openai-compatible"),
    "ai-sdk/openai": ("chat", "AI SDK, @ai-sdk/openai", "@ai-sdk/openai"),
    "openai-py/responses": ("responses", "OpenAI SDK for Python", "openai"),
    "openai-node/responses": ("responses", "OpenAI SDK for TypeScript", "openai"),
    "ai-sdk/openai-responses": ("responses", "AI SDK, @ai-sdk/openai", "@ai-sdk/openai"),
}

_LONGEST: Final = 150
_OWN: Final = re.compile(
    r"\b(?:call|msg|resp|toolu|fc|chatcmpl|item|rs|rotated|gen|req)[_-][A-Za-z0-9_:.-]+"  # ids
    r"|\b[0-9a-f]{8}-[0-9a-f-]{20,}\b"
    r"|(?<![A-Za-z0-9_.\[(])\d+(?:\.\d+)?(?![A-Za-z0-9_.])"  # numbers that are no part of a word
)
_VALUES: Final = re.compile(r"(?s)(\b(?:Value|Text): |(?<=key); |\(found: ).*")
_FOREIGN: Final = re.compile(
    r"(?:KeyError|TypeError|AttributeError|JSONDecodeError|IndexError|ValueError|AssertionError): ?(.*)"
)
"""What Python says where an agent that is played would have failed: not the agent's own words."""


def general(said: str) -> str:
    """Give an error text as it reads for any reply: ids and numbers are an ellipsis, the reply's own values too."""
    text = _VALUES.sub(lambda found: f"{found[1]}…" if found[1].endswith("t: ") or "Value" in found[1] else "", said)
    text = re.sub(r"^Error: |^\w*GaveUpError: ", "", " ".join(text.split())).rstrip(": ")
    text = _OWN.sub("…", text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def clients() -> dict[str, dict[str, Any]]:
    """Give the clients, each with its wire, its title, and whether it is played."""
    there = pinned()
    found: dict[str, dict[str, Any]] = {}
    for name, (wire, title, package) in _PARSERS.items():
        number = version(package) if name in PYTHON.values() else there[package]
        found[name] = {"title": title.replace(" (", f" {number} (", 1) if " (" in title else f"{title} {number}"}
        found[name]["wire"] = wire
    return found | {name: {"title": title, "wire": wire, "played": True} for name, (wire, title) in PLAYED.items()}


def measure(case: Case, names: list[str], reader: Reader = verdict) -> dict[str, list[str]]:
    """Let clients read a case's reply as it came, and give each one's outcome and words.

    One that does not understand the mended answer either (the case's ``but``) says nothing of what is wrong with it.
    """
    served, but = case.served(case.given(mend=False)), case.about.get("but") or ()
    return {name: _told(case, name, reader(name, served)) for name in names if name not in but}


def _told(case: Case, name: str, said: Verdict) -> list[str]:
    if case.understood(said):
        return ["accepts"]
    if said.ok:
        return ["misreads"]
    words = general(said.error or "")
    if name in PLAYED and _FOREIGN.fullmatch(words):
        words = ""
    return ["hangs" if words.endswith("it hangs") else "rejects", words]


def measured_here(case: Case) -> dict[str, list[str]]:
    """Measure what needs no JavaScript."""
    wire = case.context.wire.name
    return measure(case, [PYTHON[wire], *(name for name in agents_of(case) if name in PLAYED)])


def codes_of(case: Case) -> list[str]:
    """Give the codes of what is wrong with a case's reply, sorted."""
    capture = identified(stored(case.folder).capture)
    reply = capture.attempt.response if capture.attempt else None
    assert reply is not None
    return sorted({one.code for one in faults(capture, reply)})


def shown() -> list[Case]:
    """Give the cases that are evidence: replies with a status of success, about which a contract speaks."""
    return [case for case in cases() if case.reply.status < 400 and codes_of(case)]


def write(found: Mapping[str, Mapping[str, list[str]]], codes: Mapping[str, list[str]]) -> str:
    """Write the file: one case a line. ``found`` is case -> client -> outcome and words."""
    order = list(clients())
    lines = []
    for name in sorted(found):
        said = {one: found[name][one] for one in order if one in found[name]}
        lines.append(json.dumps({"case": name, "faults": codes[name], "said": said}, ensure_ascii=False))
    about = ",\n".join(f"{json.dumps(name)}: {json.dumps(one)}" for name, one in clients().items())
    return f'{{"format": 1,\n"clients": {{\n{about}\n}},\n"cases": [\n{",\n".join(lines)}\n]}}\n'


def main() -> None:
    """Measure everything, and write the file."""
    found: dict[str, dict[str, list[str]]] = {}
    codes: dict[str, list[str]] = {}
    with judge.Judge(installed()) as javascript:
        for case in shown():
            name = name_of(case)
            codes[name] = codes_of(case)
            there = measure(case, list(judge.ORACLES[case.context.wire.name]), javascript.verdict)
            found[name] = measured_here(case) | there
    FILE.write_text(write(found, codes), "utf-8")
    sys.stdout.write(
        f"{FILE.name}: {len(found)} replies, {len({one for many in codes.values() for one in many})} codes\n"
    )


if __name__ == "__main__":
    main()
