"""What a wire is: the vocabulary that the three protocol folders fill in.

A :class:`Wire` says what is true of a protocol whoever serves it: which paths it has, how it carries a credential, what
an error looks like, where a reply names its model. Folders do not import each other; what two of them share is here,
in :mod:`wiremend.protocols.openai` or in :mod:`wiremend.protocols.loose`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wiremend.sse import Event

type WireName = Literal["messages", "chat", "responses"]
type EndpointKind = Literal["generate", "count", "embed", "list", "other"]
type Auth = Literal["bearer", "x-api-key"]
type ErrorKind = Literal[
    "authentication",  # no credential, or a wrong one
    "permission",
    "invalid_request",
    "not_found",
    "model_not_found",
    "request_too_large",
    "rate_limit",
    "quota",  # the balance, or what the plan allows, is used up: asking again will not help
    "context_length",  # the prompt is longer than the model takes
    "overloaded",
    "timeout",
    "loop",  # the provider is ourselves
    "upstream",  # the provider cannot be reached, or does not answer as its wire says
    "internal",  # a bug of ours
]

_VERSION: Final = re.compile(r"v[0-9]+(?:\.[0-9]+)?(?:p[0-9]+)?(?:(?:alpha|beta)[0-9]*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A path of a wire, below the version segment: ``messages/count_tokens``.

    With ``rest``, further segments may follow (ids, verbs on them). ``kind``: "generate" answers with a model's turn,
    "count" with a number of tokens, "embed" with vectors, "list" with models.
    """

    path: str
    kind: EndpointKind
    rest: bool = False


class Tally(Protocol):
    """Watches one reply of a "generate" or "embed" endpoint, as a stream or as a body, and changes nothing.

    Feed it all events, or the one body; the values are then what the reply said, None where it said nothing. No input
    makes it raise. A count is a total: ``input_tokens`` includes what the cache served (``cached_tokens``) and, on the
    messages wire, what was written to it. ``stop_reason`` is the wire's own word. ``error`` is one short line in the
    provider's words, so it is to be scrubbed of credentials like anything else that came from outside.
    """

    @property
    def model(self) -> str | None:
        """The model that answered."""

    @property
    def input_tokens(self) -> int | None:
        """Tokens of the prompt, those from the cache included."""

    @property
    def output_tokens(self) -> int | None:
        """Tokens of the answer, reasoning included."""

    @property
    def cached_tokens(self) -> int | None:
        """The part of ``input_tokens`` that the cache served."""

    @property
    def reasoning_tokens(self) -> int | None:
        """The part of ``output_tokens`` that was thought."""

    @property
    def stop_reason(self) -> str | None:
        """Why the answer ended."""

    @property
    def error(self) -> str | None:
        """What went wrong, if the stream or the body is an error."""

    def event(self, event: Event) -> None:
        """Look at one event of a stream."""

    def body(self, body: bytes) -> None:
        """Look at a whole body."""


@dataclass(frozen=True, slots=True)
class Wire:
    """One of the three protocols.

    ``headers`` are those that a request must have, lower-case, with the value to send where the client sends none.
    ``error_body(status, kind, message)`` writes the wire's error object as JSON; a kind that it does not know is
    described by the status alone. ``error_event(message, id, number, kind)`` writes the event that ends a broken
    stream as a failure; ``id`` is the reply's own, where it has said it, and ``number`` counts the events before.
    ``own_headers`` are how the names of request headers begin that no other wire knows. ``model_pointers`` are JSON
    pointers (RFC 6901) to the model's name in a body or in the data of an event; a reply has one of them or none.
    """

    name: WireName
    endpoints: tuple[Endpoint, ...]
    auth: Auth
    headers: Mapping[str, str]
    error_body: Callable[[int, str, str], bytes]
    error_event: Callable[[str, str | None, int, ErrorKind], bytes]
    model_pointers: tuple[str, ...]
    tally: Callable[[], Tally]
    own_headers: tuple[str, ...]


MODELS: Final = Endpoint("models", "list", rest=True)
"""The list of models and one of them (ids may contain slashes); the same path on the messages and the chat wire."""


def is_version(segment: str) -> bool:
    """Tell whether a path segment is a version: ``v1``, ``v4``, ``v1beta``, ``v1beta1``, ``v1alpha``, ``V1``, ``v1.1``.

    The forms are those of https://google.aip.dev/185 and of the built-in providers (Z.ai ends in ``v4``).
    """
    return _VERSION.fullmatch(segment) is not None
