"""A small repository with rules and five recorded cases, for the tests of what is said of a corpus."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from tests.replay.kit import captured, recorded
from wiremend.captures.case import write_case

if TYPE_CHECKING:
    from pathlib import Path

    from wiremend.captures.capture import Capture

RULES: Final = """\
providers:
  lab: {base_url: http://127.0.0.1:8000/v1, key: client, quirks: [+tools-empty-array]}
  other: {base_url: http://127.0.0.1:9000/v1, key: client, quirks: [+store-rejected]}
aliases:
  small: lab/lab-mini
  unused: lab/lab-mini
routes:
  - {name: to the lab, when: {model: "lab-*"}, to: lab}
  - {name: never taken, when: {model: "never-*"}, to: other}
default: other
edits:
  - {name: warm, when: {model: "lab-1*"}, default: {/temperature: 0.6}}
  - {name: limit, when: {model: "lab-2*"}, set: {/max_tokens: 4096}}
  - {name: idle, when: {model: "lab-3*"}, default: {/stream: true}}
  - {name: dead, when: {model: "never-*"}, set: {/max_tokens: 1}}
"""

CASES: Final = {"one": "lab-1", "two": "lab-2", "three": "lab-3", "mini": "small", "far": "gpt-x"}
"""The name of each case -> the model that it asks for."""


def asking(model: str, **more: object) -> Capture:
    """Give a turn that asks a model, as it was recorded with the rules."""
    body = {"model": model, "stream": True, "messages": [{"role": "user", "content": "hi"}], **more}
    return replace(recorded(captured(body), RULES), model=model)


def repository(root: Path) -> Path:
    """Write the rules and the cases; gives the folder."""
    (root / "rules.yaml").write_text(RULES, "utf-8")
    for name, model in CASES.items():
        put(root, name, asking(model))
    return root


def put(root: Path, name: str, capture: Capture) -> Path:
    """Write a case of the repository; gives its folder."""
    folder = root / "captures" / "chat" / name
    write_case(folder, capture, title=f"A turn with {capture.model or 'no model'}")
    return folder
