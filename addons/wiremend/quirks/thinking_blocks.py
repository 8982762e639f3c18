"""Signed thinking and encrypted reasoning: only the one who made them can check them.

A recorder remembers who made each that passes; on the way out, those that are known to be another's go, and those of
which nothing is known stay. None is ever made up or changed. Both quirks are on for every provider that is known, for
the recorder must hear them all; the request side looks at requests to hosts that check.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

import msgspec

from wiremend.families import ENVELOPE
from wiremend.quirks.amend import OPENAI, SIGNERS, items_of, on_host
from wiremend.quirks.base import Quirk
from wiremend.quirks.presets import HOSTS, preset_of

if TYPE_CHECKING:
    from wiremend.quirks.base import Draft, Recorder, Scope
    from wiremend.quirks.memory import Memory

_THINKING: Final = frozenset({"thinking", "redacted_thinking"})
_NEEDLES: Final = (b"signature", b"redacted_thinking", b"encrypted_content")
_ANTHROPIC: Final = "anthropic"
_ELSEWHERE: Final = "a provider of another wire"
_VERIFIES: Final = (*SIGNERS, "aiplatform.googleapis.com")
_DECRYPTS: Final = (*OPENAI, "x.ai")
_RELAYS: Final = (
    "openrouter.ai",
    "githubcopilot.com",
    "opencode.ai",
    "cloudflare.com",
    "vercel.sh",
    "localhost",
    "local",
)
_FAMILIES: Final = ("kimi", "deepseek", "glm-", "qwen", "minimax", "gpt-", "grok", "gemini", "mistral", "mimo-")
"""What the names of models have in them whose makers sign nothing that Anthropic could check."""
_MAX_BYTES: Final = 4 * 1024 * 1024
"""Bytes of the signatures of one stream that are collected at a time."""


def signed_by(scope: Scope) -> str:
    """Name who signs the thinking in an exchange; "" where that cannot be told.

    Claude's signatures are Anthropic's wherever it runs.
    """
    return _ANTHROPIC if "claude" in (scope.model or "").lower() else _host(scope) or _maker(scope)


def _maker(scope: Scope) -> str:
    """Name who made a model by its name, wherever it runs; "" where that says nothing of it."""
    name = (scope.model or "").lower()
    return next((family for family in _FAMILIES if family in name), "") if "claude" not in name else ""


def _host(scope: Scope) -> str:
    """Name who answers; "" where it may pass on what another one made."""
    if on_host(scope.host, *SIGNERS):
        return _ANTHROPIC
    name = scope.host.lower().rstrip(".")
    if on_host(name, *_RELAYS) or "." not in name or name.replace(".", "").isdigit():
        return ""
    return name


def _key(seal: str) -> str:
    return f"issuer:{hashlib.sha256(seal.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _issuer(memory: Memory, seal: str) -> str | None:
    """Name who made a seal; None where nothing is known of it. An envelope of ours holds what another wire proves."""
    return _ELSEWHERE if seal.startswith(ENVELOPE) else memory.recall(_key(seal))


def _seal(block: dict[str, Any]) -> str:
    """Give what a block is signed with; "" where it is not."""
    seal = block.get("data" if block.get("type") == "redacted_thinking" else "signature")
    return seal if isinstance(seal, str) else ""


class _Recorder:
    """Remembers the issuer of each sealed text of a reply, once it is whole."""

    def __init__(self, scope: Scope, memory: Memory, issuer: str | None = None) -> None:
        self._memory = memory
        known = signed_by(scope) if scope.wire == "messages" else _host(scope)
        self._issuer = known if issuer is None else issuer
        self._open: dict[object, str] = {}
        self._bytes = 0

    needles = _NEEDLES

    def event(self, data: bytes) -> None:
        document = _decoded(data)
        if isinstance(document, dict):
            self._look(document)

    def body(self, body: bytes) -> None:
        document = _decoded(body)
        for name in ("content", "output"):
            for item in items_of(document, name):
                self._keep(item)

    def close(self) -> None:
        for seal in self._open.values():
            self._remember(seal)
        self._open.clear()

    def _look(self, document: dict[str, Any]) -> None:
        kind = document.get("type")
        if kind == "content_block_start":
            self._keep(document.get("content_block"))
        elif kind == "content_block_delta" and isinstance(delta := document.get("delta"), dict):
            piece, index = delta.get("signature"), document.get("index")
            if isinstance(piece, str) and isinstance(index, int) and self._bytes + len(piece) <= _MAX_BYTES:
                self._open[index] = self._open.get(index, "") + piece
                self._bytes += len(piece)
        elif kind == "response.output_item.done":
            self._keep(document.get("item"))
        elif isinstance(response := document.get("response"), dict):
            for item in items_of(response, "output"):
                self._keep(item)

    def _keep(self, item: object) -> None:
        if not isinstance(item, dict):
            return
        if item.get("type") in ("thinking", "redacted_thinking"):
            self._remember(_seal(item))
        elif item.get("type") == "reasoning" and isinstance(seal := item.get("encrypted_content"), str):
            self._remember(seal)

    def _remember(self, seal: str) -> None:
        if seal and self._issuer:
            self._memory.keep(_key(seal), self._issuer)


def _at_a_stranger_s(scope: Scope, memory: Memory) -> Recorder:
    """Hear one of whose host nothing is known: only the model's name may tell who signs."""
    known = preset_of(scope.provider, scope.host, scope.port) is not None
    return _Recorder(scope, memory, "" if known else _maker(scope))


def _decoded(data: bytes) -> object:
    try:
        decoded: object = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return decoded


def _foreign_thinking(draft: Draft) -> None:
    if not _verifies(draft.scope.host):
        return
    mine = signed_by(draft.scope)
    for index in reversed(range(len(messages := items_of(draft.document, "messages")))):
        message = messages[index]
        if not isinstance(message, dict) or message.get("role") != "assistant":
            continue
        content = items_of(message, "content")
        thinking = [number for number, block in enumerate(content) if _is_thinking(block)]
        if not _is_foreign(draft, mine, [_seal(content[number]) for number in thinking]):
            continue
        if len(thinking) == len(content) and len(messages) > 1:
            draft.remove(("messages", index), "thinking that another provider made, alone in its turn", kind="lost")
        elif len(thinking) < len(content):
            for number in reversed(thinking):
                draft.remove(("messages", index, "content", number), "thinking that another made", kind="lost")


def _verifies(host: str) -> bool:
    return on_host(host, *_VERIFIES) or host.lower().endswith("-aiplatform.googleapis.com")


def _is_foreign(draft: Draft, mine: str, seals: list[str]) -> bool:
    """Tell whether a turn's thinking is known not to be this host's: all of it goes then, or none."""
    issuers = [_issuer(draft.memory, seal) if seal else "" for seal in seals]
    if not issuers or mine in issuers:
        return False
    # "" has no seal, which nobody can check; None is not known, and goes only with what is.
    return any(issuers) or all(issuer == "" for issuer in issuers)


def _is_thinking(block: object) -> bool:
    kind = block.get("type") if isinstance(block, dict) else None
    return isinstance(kind, str) and kind in _THINKING


def _foreign_reasoning(draft: Draft) -> None:
    if not on_host(draft.scope.host, *_DECRYPTS):
        return
    mine = _host(draft.scope)
    items = items_of(draft.document, "input")
    for index in reversed(range(len(items))):
        item = items[index]
        if not isinstance(item, dict) or item.get("type") != "reasoning":
            continue
        seal = item.get("encrypted_content")
        issuer = _issuer(draft.memory, seal) if isinstance(seal, str) else None
        if issuer is not None and issuer != mine:
            draft.remove(("input", index), "reasoning that another provider encrypted", kind="lost")


QUIRKS: Final[tuple[Quirk, ...]] = (
    Quirk(
        number=54,
        name="thinking-signature-foreign",
        wires=("messages",),
        side="request",
        kind="preset",
        who="Anthropic, given a history in which another provider thought.",
        symptom="400 invalid signature in thinking block; every session that changes its provider breaks.",
        mend="A turn's thinking goes if it is unsigned, or was seen to come from another; what is not known stays.",
        before='{"role":"assistant","content":[{"type":"thinking","thinking":"…","signature":""},{"type":"text"}]}',
        after='{"role":"assistant","content":[{"type":"text"}]}',
        evidence=(
            "https://github.com/ding113/claude-code-hub/issues/518",
            "https://github.com/router-for-me/CLIProxyAPI/issues/2172",
            "https://github.com/router-for-me/CLIProxyAPI/pull/570",
            "https://github.com/sifxprime/krouter/pull/11",
            "https://github.com/anomalyco/opencode/issues/48637",
        ),
        presets=tuple(HOSTS),
        request=_foreign_thinking,
        recorder=_Recorder,
    ),
    Quirk(
        number=59,
        name="resp-encrypted-reasoning-foreign",
        wires=("responses",),
        side="request",
        kind="always",
        who="Every provider that encrypts its reasoning, given another's.",
        symptom="400 invalid_encrypted_content.",
        mend="An item goes if it was seen to come from another host.",
        before='[{"type":"reasoning","encrypted_content":"gAAA…"},{"role":"user","content":"go on"}]',
        after='[{"role":"user","content":"go on"}]',
        evidence=("measured: Hermes 0.19.0 stamps each item with its issuer (source)",),
        request=_foreign_reasoning,
        recorder=_Recorder,
    ),
    Quirk(
        number=152,
        name="thinking-issuer",
        wires=("messages",),
        side="stream",
        kind="always",
        who="Relays and servers of one's own, where the model is known not to be a Claude by its name.",
        symptom="400 invalid signature in thinking block, once the session goes on at Anthropic.",
        mend="Nothing is changed; it is remembered whose thinking this is, for thinking-signature-foreign.",
        before='{"type":"signature_delta","signature":"q3Vk"}',
        after='{"type":"signature_delta","signature":"q3Vk"}',
        evidence=("https://github.com/ding113/claude-code-hub/issues/518",),
        recorder=_at_a_stranger_s,
    ),
)
