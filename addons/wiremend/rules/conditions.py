"""``when``: conditions on a request, compiled from the file and tried against facts.

All that is given must hold; of a list, any. Every text matches whatever its letter case, and a ``null`` in a list
matches what is not there. A capture has stand-ins in the place of secrets; which globs a secret matched is recorded
with it, and that counts where a stand-in is looked at (G10).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from wiremend.errors import JsonError
from wiremend.families import CREDENTIAL_HEADERS, scrubbed, shown
from wiremend.jsonedit import find, format_pointer, parse_pointer
from wiremend.protocols import WIRES
from wiremend.rules.globs import compile_glob
from wiremend.rules.model import When

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from wiremend.jsonedit import Pointer
    from wiremend.rules.facts import Facts
    from wiremend.rules.globs import Glob
    from wiremend.rules.model import Rules
    from wiremend.rules.tree import Node


def compile_when(node: Node | None) -> When:
    """Compile a checked ``when``; without one, every request meets it."""
    keys = node.mapping if node else {}

    def globs(name: str) -> tuple[Glob, ...]:
        return tuple(compile_glob(str(item.value)) for item in keys[name].items) if name in keys else ()

    def globs_or_none(name: str) -> tuple[Glob | None, ...]:
        if name not in keys:
            return ()
        return tuple(None if item.value is None else compile_glob(str(item.value)) for item in keys[name].items)

    header = keys["header"].mapping if "header" in keys else {}
    body = keys["body"].mapping if "body" in keys else {}
    stream = keys.get("stream")
    return When(
        client=globs("client"),
        key=globs_or_none("key"),
        model=globs_or_none("model"),
        host=globs_or_none("host"),
        path=globs("path"),
        wire=tuple(wire for wire in WIRES if "wire" in keys and wire in {item.value for item in keys["wire"].items}),
        agent=globs_or_none("agent"),
        provider=globs("provider"),
        header=tuple(
            (name.lower(), tuple(compile_glob(str(i.value)) for i in value.items)) for name, value in header.items()
        ),
        body=tuple(
            (parse_pointer(pointer), tuple(compile_glob(scalar_text(i.value)) for i in value.items))
            for pointer, value in body.items()
        ),
        stream=stream.value if stream is not None and isinstance(stream.value, bool) else None,
    )


def scalar_text(value: object) -> str:
    """Give a scalar as a glob in ``when: {body: …}`` sees it: a text as it is, anything else as JSON writes it."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def names_of(model: str | None, providers: Container[str]) -> tuple[str, ...]:
    """Give the names that a model goes by in conditions: its own, and what stands behind a provider's name and slash.

    Only behind a *provider's* name: ``claude-*`` must not let ``somebody/claude-x`` through to an upstream that takes
    nothing else.
    """
    if model is None:
        return ()
    prefix, slash, bare = model.partition("/")
    return (model, bare) if slash and bare and prefix in providers else (model,)


def matches(when: When, facts: Facts, models: tuple[str, ...], provider: str | None = None) -> bool:
    """Tell whether all conditions hold.

    ``models`` are the model's names: as asked, after aliases, for a route; as sent for an edit.
    """
    return (
        _any(when.client, facts.client)
        and _any_key(when.key, facts)
        and _any_model(when.model, models)
        and _any(when.host, facts.host)
        and _any(when.path, facts.path)
        and (not when.wire or facts.wire in when.wire)
        and _any(when.agent, facts.agent)
        and _any(when.provider, provider)
        and (when.stream is None or when.stream == facts.stream)
        and all(_in_header(name, globs, facts) for name, globs in when.header)
        and all(_in_body(pointer, globs, facts.body) for pointer, globs in when.body)
    )


@dataclass(frozen=True, slots=True)
class Unmet:
    """A condition that does not hold: its name, what it asks for, and what the request has, None where it has nothing.

    A credential is there by its prefix only.
    """

    condition: str
    asked: str
    there: str | None


def unmet(when: When, facts: Facts, models: tuple[str, ...], provider: str | None = None) -> Unmet | None:
    """Give the first condition that does not hold, None where :func:`matches` holds; for people, not for the hot path.

    It looks at the conditions in the order in which :func:`matches` does, and judges each by the same means.
    """
    simple = (
        ("client", when.client, _any(when.client, facts.client), facts.client),
        ("key", when.key, _any_key(when.key, facts), _listed(shown(one.value) for one in facts.credentials)),
        ("model", when.model, _any_model(when.model, models), _listed(models)),
        ("host", when.host, _any(when.host, facts.host), facts.host),
        ("path", when.path, _any(when.path, facts.path), facts.path),
        ("wire", when.wire, not when.wire or facts.wire in when.wire, facts.wire),
        ("agent", when.agent, _any(when.agent, facts.agent), facts.agent),
        ("provider", when.provider, _any(when.provider, provider), provider),
    )
    for name, asked, holds, there in simple:
        if not holds:
            return Unmet(name, _globs_told(asked), there if there is None else scrubbed(there))
    if when.stream is not None and when.stream != facts.stream:
        return Unmet("stream", str(when.stream).lower(), str(facts.stream).lower())
    for name, globs in when.header:
        if not _in_header(name, globs, facts):
            secret = name.lower() in CREDENTIAL_HEADERS
            values = (shown(value) if secret else scrubbed(value) for value in facts.headers.get_all(name))
            return Unmet(f"header {name}", _globs_told(globs), _listed(values))
    for pointer, globs in when.body:
        if not _in_body(pointer, globs, facts.body):
            return Unmet(f"body {format_pointer(pointer)}", _globs_told(globs), _body_told(pointer, facts.body))
    return None


_LONG = 80
_FEW = 3


def _globs_told(globs: Iterable[Glob | str | None]) -> str:
    return " or ".join("none" if glob is None else glob if isinstance(glob, str) else glob.text for glob in globs)


def _listed(values: Iterable[str]) -> str | None:
    return ", ".join(values) or None


def _body_told(pointer: Pointer, body: bytes | None) -> str | None:
    """Say what a body has at a pointer, shortened."""
    try:
        found = [scrubbed(raw.decode("utf-8", "replace")) for _, raw in find(body, pointer)] if body else []
    except JsonError:  # a scalar, or nested too deeply: nothing is found in it
        return None
    told = [text if len(text) <= _LONG else f"{text[: _LONG - 1]}…" for text in found[:_FEW]]
    return _listed([*told, *(["…"] if len(found) > _FEW else [])])


def _any(globs: Iterable[Glob | None], text: str | None) -> bool:
    asked = False
    for glob in globs:
        asked = True
        if (glob is None and text is None) or (glob is not None and text is not None and glob.matches(text)):
            return True
    return not asked


def _any_key(globs: tuple[Glob | None, ...], facts: Facts) -> bool:
    if not globs:
        return True
    if not facts.credentials:
        return None in globs
    return any(
        glob is not None and _fits(glob, credential.value, facts) for glob in globs for credential in facts.credentials
    )


def _in_header(name: str, globs: tuple[Glob, ...], facts: Facts) -> bool:
    return any(_fits(glob, value, facts) for value in facts.headers.get_all(name) for glob in globs)


def _fits(glob: Glob, text: str, facts: Facts) -> bool:
    """Try a glob on what may be a secret: what is recorded of its stand-in counts, else the text itself."""
    if facts.recorded:
        answer = facts.recorded.get(text, {}).get(glob.text)
        if answer is not None:
            return answer
    return glob.matches(text)


def _any_model(globs: tuple[Glob | None, ...], models: tuple[str, ...]) -> bool:
    return any(_any(globs, model) for model in models) if models else _any(globs, None)


def _in_body(pointer: Pointer, globs: tuple[Glob, ...], body: bytes | None) -> bool:
    if body is None:
        return False
    for _, raw in find(body, pointer):
        if raw[:1] in (b"{", b"["):
            continue
        text = str(json.loads(raw)) if raw[:1] == b'"' else raw.decode()  # a number as it is written, of any length
        if any(glob.matches(text) for glob in globs):
            return True
    return False


def secret_globs(rules: Rules) -> tuple[Glob, ...]:
    """Give the globs that are tried on what may be a secret, each once: of ``key`` and ``header``, in every ``when``.

    A recorder tries them on a secret before a stand-in takes its place (:attr:`wiremend.rules.facts.Facts.recorded`).
    """
    found: dict[str, Glob] = {}
    for when in _whens(rules):
        for globs in (when.key, *(globs for _, globs in when.header)):
            found.update((glob.text, glob) for glob in globs if glob is not None)
    return tuple(found.values())


def looked_at(rules: Rules) -> frozenset[str]:
    """Give the names, in lower case, of the headers whose values the rules look at or write themselves.

    They are those of ``when: {header: …}``, the one behind ``agent_header``, the lists that ``drop`` thins out, and
    what is set to a text without a variable in it, which is in the file for all to read.
    """
    headers = (
        *(edit for provider in rules.providers.values() for edit in provider.headers),
        *(edit for rule in rules.edits for edit in rule.headers),
    )
    return frozenset(
        (
            rules.agent_header.lower(),
            *(name.lower() for when in _whens(rules) for name, _ in when.header),
            *(edit.name.lower() for edit in headers if edit.drop or (edit.value is not None and not edit.value.names)),
        )
    )


def _whens(rules: Rules) -> Iterator[When]:
    yield from (route.when for route in rules.routes)
    yield from (rule.when for rule in rules.edits)
    yield rules.capture.when
