"""What translates a wire: the interface that each wire's codec fills in, and the words in which it tells a loss.

Translation goes through the hub (:mod:`wiremend.message`, :mod:`wiremend.events`), never by pairs. On the way up the
client wire's ``read`` makes a :class:`~wiremend.message.ChatRequest` of its body, and the upstream wire's ``write`` a
body of that. On the way down the upstream wire's decoder makes neutral events of a stream that its mender has made
legal, the sequencer puts them in the order that the client's wire allows, and the client wire's encoder writes them.

**Nothing is lost in silence (G5).** Whatever one side says and the other does not hear is a :class:`Loss`: *lost*
(dropped), *approximated* (said by something near it) or *invented* (put in, because the other wire demands it). Its
``path`` goes through the neutral request, by names of fields and indexes: ``("messages", 2, "parts", 0, "cache")``,
``("extra", "context_management")``. A reader knows where in the client's body each of them stood (:class:`Places`), so
that a note has a JSON pointer into what the client wrote. A loss stands for a difference, and each difference has its
loss: ``read(write(request))``, on the wire written, gives the request again except at the paths of the losses.

What a wire has its own place for is no loss, however differently it is spelled. What says what is so anyway (``store:
false``, an empty list, ``strict: null``) may be left out without a word where the other wire has it so by default.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from wiremend.errors import RefusedError
from wiremend.jsonedit import format_pointer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from wiremend.events import Event
    from wiremend.message import ChatRequest
    from wiremend.protocols.mending import Mend, Origin

type Path = tuple[str | int, ...]
type LossKind = Literal["lost", "approximated", "invented"]
type Form = Literal["function", "custom", "local_shell"]


class TranslationError(RefusedError):
    """A request that cannot be said on the other wire, or cannot be read on its own.

    ``pointer`` is the place in the client's body (JSON pointer), the message says what is the matter and what to do.
    The client is answered with 400.
    """

    def __init__(self, pointer: str, message: str) -> None:
        """Keep the place; the message leads with it."""
        self.pointer = pointer
        super().__init__(HTTPStatus.BAD_REQUEST, "invalid_request", f"{pointer}: {message}" if pointer else message)


@dataclass(frozen=True, slots=True)
class Loss:
    """One difference between what was said on one wire and what is heard on the other.

    ``path`` goes through the neutral request. ``code`` names the difference in a word or two (``top_k``,
    ``cache_control``), the same for all of its kind. ``what`` says what became of it, ``why`` for which reason.
    """

    kind: LossKind
    path: Path
    code: str
    what: str
    why: str = ""


class Places:
    """Where in the client's body the things of a neutral request stood."""

    def __init__(self) -> None:
        """Begin with the root: what has no place of its own stands below the place of what it is a part of."""
        self._known: dict[Path, tuple[str | int, ...]] = {(): ()}
        self._puts: Callable[[Places, int], None] | None = None
        self._asked: set[str | int] = set()

    def later(self, puts: Callable[[Places, int], None]) -> None:
        """Say who knows the places in a message: most of a long conversation is never spoken of.

        It is called with these and the message's number, once, when one of them is first asked for, and puts them. It
        holds no reference to these, which would make a ring that keeps the whole body in memory.
        """
        self._puts = puts

    def put(self, path: Path, *tokens: str | int) -> None:
        """Say that what ``path`` leads to stood at the pointer of these tokens."""
        self._known[path] = tokens

    def of(self, path: Path) -> str:
        """Give the JSON pointer for a path: its own place, or its rest below the nearest place that is known.

        Of the rest, the neutral names ``extra`` and ``parts`` are no part of a pointer: an extra field stands in its
        object by its own name.
        """
        if self._puts is not None and path[:1] == ("messages",) and len(path) > 1 and path[1] not in self._asked:
            self._asked.add(path[1])
            self._puts(self, int(path[1]))
        for length in range(len(path), -1, -1):
            known = self._known.get(path[:length])
            if known is not None:
                rest = [token for token in path[length:] if token not in _INVISIBLE]
                return format_pointer(tuple(map(str, (*known, *rest))))
        raise AssertionError  # () is known


_INVISIBLE: Final = frozenset({"extra", "parts"})


@dataclass(frozen=True, slots=True)
class Bridge:
    """How the client knows a tool that goes by the name of a function on the other side.

    ``name`` and ``form`` are the client's: "function" where only the name differs (too long, or with characters that
    the other wire refuses), "custom" for a tool of free text, whose function has it in the one property ``argument``,
    "local_shell" for the Responses API's own shell tool. ``namespace`` is that of a tool in one.
    """

    name: str
    form: Form = "function"
    namespace: str | None = None
    argument: str = "input"


type Bridges = Mapping[str, Bridge]
"""Name of a function on the far side -> the tool on the near side; only those that differ."""

NO_BRIDGES: Final[Bridges] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom a request is written for.

    ``host`` is the upstream's ("" where it is not known), ``provider`` the name in the rules. ``max_output`` is how
    many tokens the model can write, where the catalogue says so. ``seed`` is what minted ids derive from.
    """

    model: str
    provider: str | None = None
    host: str = ""
    max_output: int | None = None
    seed: str = ""


@dataclass(frozen=True, slots=True)
class Read:
    """A request, read. ``losses`` are what the hub itself has no place for (their paths are in ``places``).

    ``bridges`` are tools that the hub knows as functions by another name or form than the client's.
    """

    request: ChatRequest
    places: Places
    losses: tuple[Loss, ...] = ()
    bridges: Bridges = NO_BRIDGES


@dataclass(frozen=True, slots=True)
class Written:
    """A request, written: the body as JSON values, and headers that it needs besides the wire's own.

    ``bridges`` are tools that the upstream knows as functions by another name or form than the hub's.
    """

    document: Mapping[str, Any]
    losses: tuple[Loss, ...] = ()
    bridges: Bridges = NO_BRIDGES
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Telling:
    """What an encoder may know of the exchange (G10): the request that it answers, as the hub has it.

    ``name`` is the model's name that the client is to see, None for the one that the provider says.
    """

    origin: Origin
    request: ChatRequest
    bridges: Bridges = NO_BRIDGES
    name: str | None = None


class Decoder(Protocol):
    """Reads one stream of a wire, legal by the wire's contract, into neutral events. Never raises."""

    mends: list[Mend]
    """What could not be told, since the caller last emptied it (kinds "lost" and "invented")."""

    def feed(self, data: bytes) -> Sequence[Event]:
        """Take the data of the next server-sent event. Errors are the caller's: they do not come here."""


class Encoder(Protocol):
    """Writes neutral events, legal by :data:`wiremend.events.TABLE`, as a stream of the client's wire. Never raises."""

    mends: list[Mend]
    """As a decoder's."""

    def feed(self, event: Event) -> bytes:
        """Take the next event and give what the client gets for it, b"" for nothing.

        ``Failed`` ends the stream with the wire's own error; its ``message`` is worded for the wire already.
        """


@dataclass(frozen=True, slots=True)
class Codec:
    """All that translates a wire.

    ``read`` takes a decoded body (raises :class:`TranslationError`), ``write`` gives one (raises it too, with the path
    turned into words where there is no pointer). ``interleave`` tells whether parts of a reply may overlap on it.
    """

    read: Callable[[Mapping[str, Any]], Read]
    write: Callable[[ChatRequest, Recipient], Written]
    decoder: Callable[[], Decoder]
    encoder: Callable[[Telling], Encoder]
    interleave: bool
