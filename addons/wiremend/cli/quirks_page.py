"""docs/quirks.md, made from the quirks themselves: ``wiremend quirks --markdown > docs/quirks.md``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wiremend.quirks import may_be_named
from wiremend.quirks.presets import HOSTS, PORTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wiremend.quirks.base import Quirk

_HEAD: Final = """\
# Quirks

What providers get wrong, and what Wiremend does about it. This page is made from the files in
`addons/wiremend/quirks/` by `wiremend quirks --markdown`. In a terminal `wiremend quirks` lists the same,
`wiremend quirks NAME` (or its number) explains one, `--wire` and `--provider` choose some, `--json` is for programs.

The class says when a quirk is on:

| Class | |
|---|---|
| always | For every provider: what is sound passes untouched, so there is nothing to choose. |
| preset | By itself for the hosts of the presets that the table names; elsewhere where rules.yaml names it. |
| condition | By itself for the agents that are named; else where rules.yaml names it. |
| explained | Never: it is told here, and nothing is rewritten. |

In [rules.yaml](rules.md#quirks-and-mend) a provider's `quirks` is `auto`, a list that stands in the place of what auto
gives, or changes to it:

```yaml
providers:
  deepseek: {quirks: [-role-developer-rejected]}             # auto, but for one
  work:
    base_url: https://llm.example.com/v1
    quirks: [+role-developer-rejected, +usage-in-choice]     # auto, and two more
  lab: {base_url: "http://127.0.0.1:9000", auth: none, quirks: [usage-in-choice]}   # this one alone
mend: auto                                                   # off: no quirk at all, for all or for one provider
```

A quirk that is named is on whatever its presets, models and agents are. Those of class always stay on beside a list;
one that has a mend of its own can be taken out with a `-`. To the hosts of anthropic, bedrock and vertex, which
verify what they signed, no request is changed but by what is meant for them or named. What is done to a request or a
reply stands in the flow's notes, under the quirk's name; what the client meant and does not reach the provider is
noted as lost.

## Presets

The host says which preset a provider has, whatever its name in rules.yaml; a built-in provider that was moved to some
other host keeps its own.

| Preset | Hosts |
|---|---|
"""


def page(known: Mapping[str, Quirk]) -> str:
    """Write the page."""
    lines = [f"| {preset} | {_hosts(preset)} |" for preset in sorted(HOSTS)]
    lines += [
        "",
        "## All of them",
        "",
        "| # | Quirk | Wires | Class | Presets | Symptom |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {quirk.number} | [{name}](#{name}) | {', '.join(quirk.wires)} | {quirk.kind} |"
        f" {', '.join(quirk.presets)} | {_cell(quirk.symptom)} |"
        for name, quirk in known.items()
    ]
    for quirk in known.values():
        lines += ["", f"### {quirk.name}", "", *_rows(quirk)]
    return _HEAD + "\n".join(lines) + "\n"


def where_on(quirk: Quirk) -> str:
    """Say where a quirk is on by itself."""
    wanted = [f"models {', '.join(quirk.models)}"] if quirk.models else []
    if quirk.kind == "explained":
        return "never: it is only told"
    if quirk.kind == "always":
        where = "for every provider"
    elif quirk.kind == "preset" and quirk.presets:
        where = f"by itself for {', '.join(quirk.presets)}"
    elif quirk.kind == "condition" and quirk.clients:
        where = f"by itself for {', '.join(quirk.presets)}" if quirk.presets else "by itself"
    else:
        return "only where rules.yaml names it"
    if quirk.clients:
        wanted.append(f"clients {', '.join(quirk.clients)}")
    return ", ".join([where, *wanted])


def how_switched(quirk: Quirk) -> str:
    """Say how rules.yaml switches a quirk; nothing where it cannot."""
    if not may_be_named(quirk):
        return ""
    where = "under the provider in rules.yaml: quirks:"
    if quirk.kind == "always":
        return f"{where} [-{quirk.name}] takes it out"
    return f"{where} [+{quirk.name}] puts it in, [-{quirk.name}] takes it out"


def _rows(quirk: Quirk) -> Iterable[str]:
    rows = (
        (f"No. {quirk.number}", f"{', '.join(quirk.wires)}; {quirk.side}; {quirk.kind}"),
        ("Symptom", _cell(quirk.symptom)),
        ("Who", _cell(quirk.who)),
        ("Mend", _cell(quirk.mend)),
        ("Before", _code(quirk.before)),
        ("After", _code(quirk.after)),
        ("On", _cell(where_on(quirk))),
        ("Codes", ", ".join(f"`{code}`" for code in quirk.codes)),
        ("Evidence", "<br>".join(_link(text) for text in quirk.evidence)),
    )
    yield "| | |"
    yield "|---|---|"
    for label, text in rows:
        if text:
            yield f"| {label} | {text} |"


def _hosts(preset: str) -> str:
    hosts = [f"`{host}`" for host in HOSTS[preset]]
    ports = [str(port) for port, name in PORTS.items() if name == preset]
    return ", ".join([*hosts, *([f"this machine, port {' or '.join(ports)}"] if ports else [])])


_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>|#~])")
_TICKED: Final = re.compile(r"(`[^`]+`)")


def _cell(text: str) -> str:
    """Write a sentence into a table's cell: between backticks as code, elsewhere with nothing that Markdown reads."""
    parts = _TICKED.split(" ".join(text.split()))
    return "".join(_code(part[1:-1]) if _TICKED.fullmatch(part) else _SPECIAL.sub(r"\\\1", part) for part in parts)


def _code(text: str) -> str:
    """Write a text as code in a table's cell; GitHub reads a pipe behind a backslash as a pipe, in code too."""
    text = " ".join(text.split()).replace("|", "\\|")
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def _link(text: str) -> str:
    return f"<{text}>" if text.startswith("https://") and " " not in text else _cell(text)
