"""Which quirk a provider's refusal of a request speaks of: by its words, and by what the quirk would do to the request.

The words are those of the catalogue (docs/quirks.md), as providers were seen to say them. Words alone name a quirk
only as a possibility; the quirk must also find something to mend in the request that left.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from wiremend.quirks import all_quirks
from wiremend.quirks.base import Draft

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from wiremend.headers import Headers
    from wiremend.quirks.base import Scope
    from wiremend.quirks.memory import Memory

_WORDS: Final[tuple[tuple[str, str], ...]] = (
    ("role-developer-rejected", r"developer is not one of|incorrect role information|unexpected role '?developer"),
    ("system-not-first", r"system message must be at the beginning|invalid message role: system"),
    ("roles-must-alternate", r"roles must alternate|2 or more assistant messages at the end"),
    ("reasoning-missing-kimi", r"reasoning_content is missing in assistant tool call"),
    ("reasoning-missing-deepseek", r"in the thinking mode must be passed back"),
    ("reasoning-field-forbidden", r"reasoning(_content|_details)?\W.*(unsupported|not permitted|extra_forbidden)"),
    ("reasoning-field-forbidden", r"extra_forbidden.*reasoning"),
    ("unknown-message-keys", r"messages\W*\d*\W*\w*\W.*(unsupported|not permitted)|field: '?(messages|tool_calls)"),
    ("gemini-thought-signature", r"missing a thought_signature"),
    ("max-completion-tokens", r"max_completion_tokens"),
    ("store-rejected", r"\bstore\b.*(unsupported|unknown|not permitted|unrecognized)|(unsupported|unknown).*\bstore\b"),
    ("strict-tools-rejected", r"function\.strict|\bstrict\b.*(not permitted|unknown|unsupported)"),
    ("tools-empty-array", r"\btools\b.*(too short|at least 1|\[\])|extra_forbidden.*\btools\b|empty.*\btools\b"),
    ("kimi-temperature-fixed", r"only [\d.]+ is allowed for this model"),
    ("thinking-xor-effort", r"cannot specify both .?thinking.? and .?reasoning_effort"),
    ("thinking-needs-stream", r"enable_thinking must be (set to )?false for non-streaming"),
    ("thinking-dialect", r"(unsupported|not support|unknown|unrecognized|not permitted).*(reasoning_?effort|thinking)"),
    (
        "thinking-dialect",
        r"(reasoning_?effort|enable_thinking|reasoning_split|thinking_config)\W.*(unsupported|unknown)",
    ),
    (
        "effort-enum",
        r"(unsupported value|invalid).*(minimal|xhigh|none|max|low|high|medium)|reasoning_?effort.*invalid",
    ),
    ("tool-choice-vs-thinking", r"thinking mode does not support this tool_choice|tool_choice.*thinking mode"),
    ("tool-choice-object", r"invalid tool_choice type"),
    ("toolid-mistral-9", r"tool call id was .*(length of 9|a-z, A-Z, 0-9)"),
    ("toolid-charset-len", r"should match pattern|string too long.*maximum length|\bid\b.*maximum length"),
    ("toolid-reused-kimi", r"tool_call_id\b.* is not found"),
    ("tool-result-orphan", r"without `?tool_result`? blocks|tool result's tool id not found|no tool output found"),
    ("tool-result-orphan", r"must be followed by tool messages|tool_result blocks must come first|no tool call found"),
    ("tool-content-must-be-string", r"content must be string|output of tool call should be|text is not set"),
    ("assistant-empty-text", r"text content is empty"),
    ("assistant-null-content", r"either content or tool_calls"),
    ("schema-anyof-parent-type", r"when using anyOf, type should be defined|moonshot flavored json schema"),
    ("schema-missing-type", r"type is not defined|moonshot flavored json schema"),
    ("schema-tuple-items", r"items must be an object|moonshot flavored json schema"),
    ("schema-type-array-null", r"json schema conversion failed|type.*array.*null"),
    ("schema-root-combinator", r"top-level schema keyword|type.*must be .?\"?object"),
    ("schema-ref-siblings", r"same level as \$ref"),
    ("schema-object-no-properties", r"unable to generate parser|unrecognized schema"),
    ("schema-gemini-keywords", r"unknown name|invalid json payload"),
    ("schema-enum-slash-xai", r"argument not supported|invalid arguments passed to the model"),
    ("lone-surrogates", r"surrogate|utf-?8|invalid json"),
    ("usage-not-requested", r"told no usage|include_usage"),
    ("context-management-extra", r"context_management\W.*(not permitted|unknown|unsupported)"),
    ("eager-input-streaming", r"eager_input_streaming"),
    ("tool-extra-keys", r"tools\W.*(cache_control|input_examples|defer_loading|strict|type)\W.*not permitted"),
    ("tool-extra-keys", r"tools\.\d+\.custom\.(?!eager_input)\w+: extra inputs"),
    ("thinking-adaptive", r"'adaptive'|adaptive thinking|budget_tokens"),
    ("thinking-signature-foreign", r"invalid `?signature`? in `?thinking|bound to a different conversation"),
    ("thinking-missing-mid-turn", r"expected `?thinking`? or `?redacted_|clear_thinking\w*`? strategy requires"),
    ("system-role-in-messages", r"role\W.*(user' or 'assistant|user/assistant)"),
    ("image-unsupported", r"unsupported image|images? (is|are) not supported|does not support images?|image_url"),
    ("resp-tool-types", r"'type' of tool must be|tool names must be unique|tool_choice names no tool"),
    ("resp-unsupported-fields", r"unsupported parameter"),
    ("resp-encrypted-reasoning-foreign", r"invalid_encrypted_content|encrypted content could not be verified"),
    ("resp-item-id-replay", r"invalid 'input\[\d+\]\.id'|does not belong to this connection"),
    ("resp-fc-status", r"function_call\.status"),
    ("resp-string-input", r"messages must not be empty|input.*must be a (list|array)"),
    ("beta-header-rejected", r"unexpected value\(s\).*anthropic-beta|anthropic-beta.*(invalid|unknown|unsupported)"),
    ("path-beta-query", r"route .*\?beta=true.* not found"),
)
_TABLE: Final = tuple((name, re.compile(words, re.IGNORECASE | re.DOTALL)) for name, words in _WORDS)

_NAME: Final = r"[`'\"]?([A-Za-z_$][\w$]*(?:[.\[]['\w$\]]+)*)[`'\"]?"
_ALIEN: Final = "unsupported|unknown|unrecognized|unexpected|invalid|not allowed|extra"
_THING: Final = "(?:parameter|argument|field|property|key|name)"
_PARAMETERS: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?:{_ALIEN}) (?:request )?{_THING}s?(?: supplied| in request)?:? {_NAME}",
        rf"unknown name \"?{_NAME}",
        rf"(?:property|parameter|argument|field) {_NAME} (?:is |are )?(?:{_ALIEN}|not supported)",
        rf"(?<![\w$.\]]){_NAME}: extra inputs are not permitted",
        rf"extra inputs are not permitted, field: {_NAME}",
        rf"(?:argument|parameter) not supported: {_NAME}",
        rf"does not support (?:the )?(?:parameter|argument) {_NAME}",
    )
)
_READ: Final = 4096
"""Characters of a refusal that are read: what it is about stands at its beginning."""

_LARGE: Final = 512 * 1024
"""Bytes of a request on which not every quirk is tried, but those alone whose words fit."""

_EXTRA: Final = re.compile(r"extra_forbidden|not permitted|unsupported|unknown|unexpected", re.IGNORECASE)
_NEEDED: Final = frozenset({"/model", "/messages", "/input", "/stream", "/max_tokens", "/messages/*", "/input/*"})
"""What no request can do without."""
_LOC: Final = re.compile(r"\bloc[\\\\'\"]*:\s*\[([^\]]*)\]")


@dataclass(frozen=True, slots=True)
class Named:
    """A quirk that a refusal may speak of, and what it would mend in the request that left: pointers, or headers."""

    quirk: str
    by_words: bool
    acts: tuple[str, ...]


def named_quirks(said: str, scope: Scope, headers: Headers, body: bytes, memory: Memory) -> list[Named]:
    """Give the quirks that a refusal may speak of, the likeliest first.

    A quirk whose words fit and that finds something to mend comes first, then one that mends the parameter which the
    refusal names; where none finds anything, the one whose words fit best is given without a place. ``body`` is the
    JSON that left.
    """
    said = said[:_READ]
    meant = {name for name, words in _TABLE if words.search(said) and scope.wire in all_quirks()[name].wires}
    ordered = sorted(meant, key=lambda name: (-_longest(name, said), name))
    acting = dict(_acting(scope, headers, body, memory, meant))
    found = {name: Named(name, by_words=True, acts=acting[name]) for name in ordered if name in acting}
    if found:
        return list(found.values())
    by_length: list[Named] = []
    names = [pointer.rpartition("/")[2].lower() for pointer in parameters(said, body)]
    every = all_quirks() if names and len(body) <= _LARGE else ()
    for name, pointers in _acting(scope, headers, body, memory, every):
        if any(part.lower() in names for at in pointers for part in at.split("/") if part):
            by_length.append(Named(name, by_words=False, acts=pointers))
    return by_length or [Named(name, by_words=True, acts=()) for name in ordered[:1]]


def _longest(name: str, said: str) -> int:
    """Give how much of the text a quirk's words cover: the more, the less by chance."""
    matches = (words.search(said) for other, words in _TABLE if other == name)
    return max((len(match[0]) for match in matches if match is not None), default=0)


def _acting(
    scope: Scope, headers: Headers, body: bytes, memory: Memory, names: Collection[str]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Give those of some quirks that would mend something of a request, each tried alone, and where."""
    for name, quirk in all_quirks().items():
        if name not in names or quirk.request is None or scope.wire not in quirk.wires:
            continue
        if quirk.needles and not any(needle in body for needle in quirk.needles):
            continue
        try:
            draft = Draft(scope, headers, body, memory)
        except (ValueError, RecursionError):
            return
        if draft.run(name, quirk.request) is None and draft.notes:
            yield name, tuple(dict.fromkeys(note.where for note in draft.notes))


def parameters(said: str, body: bytes) -> list[str]:
    """Give the places of the body that a refusal says are unknown to the provider, as JSON pointers that are there."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return []
    said = said[:_READ]
    named = [found[1] for pattern in _PARAMETERS for found in pattern.finditer(said)]
    paths = [re.findall(r"[A-Za-z_$][\w$]*|\d+", name) for name in named]
    for loc in _LOC.finditer(said) if _EXTRA.search(said) else ():
        parts = [part.strip(" \\\"'") for part in loc[1].split(",")]
        paths.append(parts[1:] if parts[:1] == ["body"] else parts)
    found = [_there(document, [part for part in path if part != "custom"]) for path in paths]
    return list(dict.fromkeys(one for one in found if one is not None and one not in _NEEDED))


def _there(document: Any, path: list[str]) -> str | None:  # noqa: ANN401 - any JSON
    """Give a path as a pointer in which every item of a list is meant; None where nothing is there."""
    pointer = ""
    for part in path:
        if isinstance(document, list) and part.isdigit() and int(part) < len(document):
            document, pointer = document[int(part)], f"{pointer}/*"
        elif isinstance(document, dict) and part in document:
            document, pointer = document[part], f"{pointer}/{part}"
        else:
            return None
    return pointer or None


def phrases() -> Mapping[str, tuple[str, ...]]:
    """Give the words by which each quirk is found, for the tests."""
    found: dict[str, tuple[str, ...]] = {}
    for name, words in _WORDS:
        found[name] = (*found.get(name, ()), words)
    return found
