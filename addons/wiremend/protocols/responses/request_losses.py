"""What a writer of the Responses API needs for everything that it writes: whom for, whose words, and what was lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wiremend.protocols.codec import Bridge, Loss
from wiremend.protocols.mending import Origin
from wiremend.protocols.responses.request_names import LONGEST, Names, digest, is_legal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wiremend.message import Cache, ChatRequest
    from wiremend.protocols.codec import LossKind, Path, Recipient

type Json = dict[str, Any]

FOREIGN: Final = "the Responses API has no place for it"
_COUNTED: Final = 8
_KEEP_SECRETS: Final = (
    "openai.com",
    "chatgpt.com",
    "openai.azure.com",
    "cognitiveservices.azure.com",
    "services.ai.azure.com",
    "x.ai",
    "openrouter.ai",
)
"""Hosts that take reasoning back only as they encrypted it. The others run open models, and read it as text."""


class Desk:
    """One request that is being written: its recipient, its losses, its names and ids."""

    def __init__(self, request: ChatRequest, recipient: Recipient, names: Iterable[str]) -> None:
        """Begin to write. ``names`` are those of all tools, offered, called and chosen."""
        self.own = request.wire == "responses"
        self.losses: list[Loss] = []
        self.reads_thoughts = bool(recipient.host) and not _is_below(recipient.host, _KEEP_SECRETS)
        self._origin = Origin(seed=recipient.seed)
        self._stems: dict[str, str] = {}
        self._minted = 0
        known = list(dict.fromkeys(names))
        self._names = Names(name for name in known if is_legal(name))
        self.bridges = {new: Bridge(name) for name in known if (new := self._names.of(name)) != name}

    def lose(self, path: Path, code: str, what: str, why: str = FOREIGN, kind: LossKind = "lost") -> None:
        """Note a difference."""
        self.losses.append(Loss(kind, path, code, what, why))

    def own_of(self, path: Path, extra: Mapping[str, Any]) -> Mapping[str, Any]:
        """Give what of ``extra`` this wire knows: all that is its own, nothing of another's."""
        if self.own or not extra:
            return extra
        for name in extra:
            self.lose((*path, "extra", name), name, f"{name} is left out")
        return {}

    def no_cache(self, path: Path, cache: Cache | None) -> None:
        """Lose the mark of a thing that cannot have one, or whose mark is another wire's."""
        if cache is not None:
            why = "this wire's caches are kept without marks, or end elsewhere"
            self.lose((*path, "cache"), "cache_control", "a mark for the cache is left out", why)

    def mint(self, prefix: str) -> str:
        """Give the id of an item that needs one: the stem is the request's, the last eight digits count."""
        stem = self._stems.get(prefix)
        if stem is None:
            stem = self._stems[prefix] = self._origin.mint(prefix, 0)[:-_COUNTED]
        self._minted += 1
        return f"{stem}{self._minted:0{_COUNTED}x}"

    def name(self, name: str) -> str:
        """Give the name of a tool here."""
        return self._names.of(name)

    def call_id(self, ident: str, path: Path) -> str:
        """Give the id of a call here: its own where that fits."""
        if 0 < len(ident) <= LONGEST:
            return ident
        what = f"an id of {len(ident)} characters is replaced"
        why = f"an id here has 1 to {LONGEST} characters"
        self.lose((*path, "id"), "call_id", what, why, "approximated")
        return f"call_{digest(ident, 32)}"


def _is_below(host: str, domains: tuple[str, ...]) -> bool:
    name = host.lower().rstrip(".").partition(":")[0]
    return any(name == domain or name.endswith(f".{domain}") for domain in domains)
