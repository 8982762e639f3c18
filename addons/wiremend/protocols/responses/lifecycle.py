"""Makes the events that carry the response object legal: its beginning, its way, and its end.

The completed response has to hold every item of the stream, and every item has to be done before it. What the provider
did not close is closed with the item as the completed response has it, else as it was streamed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from wiremend.protocols.failure import failure_of
from wiremend.protocols.responses.errors import error_event, said
from wiremend.protocols.responses.items import NO_INDEX
from wiremend.protocols.responses.model import LostError
from wiremend.protocols.responses.patch import Patch, encode, unheard
from wiremend.protocols.responses.shape import UnnamedError, Wanted, kind_of, mend_item, mend_usage, named, typed
from wiremend.protocols.responses.stream import Items
from wiremend.protocols.responses.tracks import Track
from wiremend.protocols.responses.unroll import closings, unroll

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wiremend.protocols.responses.model import Entry
    from wiremend.sse import Event

_PROGRESS: Final = {"response.in_progress", "response.queued"}
_NO_MODEL: Final = "unknown"


class Lifecycle(Items):
    """Mends all events of a stream, those of its items included."""

    def begin(self, kind: str = "", document: object = None) -> None:
        """Put in the beginning of the response, before an event that is not it, unless it has begun."""
        if self.model.ident is not None:
            return
        response = document.get("response") if isinstance(document, dict) else None
        told = response if isinstance(response, dict) else {}
        created_at = told.get("created_at")
        begun: dict[str, Any] = {
            "id": named(told.get("id")) or self.origin.mint("resp", 0),
            "object": "response",
            "created_at": created_at if _is_number(created_at) else self.origin.now,
            "status": "in_progress",
            "error": None,
            "incomplete_details": None,
            "model": named(told.get("model")) or self.origin.model or _NO_MODEL,
            "output": [],
            "usage": None,
        }
        self.note("stream.created-missing", "", "response.created put in", "invented")
        self.sink.put({"type": "response.created", "response": begun}, document)
        if kind not in _PROGRESS:
            self.sink.put({"type": "response.in_progress", "response": begun})

    def response(self, patch: Patch, event: Event | None, kind: str, *, renamed: bool = False) -> None:
        """Mend an event that carries the response object. Raises UnnamedError, LostError."""
        document = patch.document
        if not isinstance(document.get("response"), dict):
            patch.set(("response",), {}, "response.missing")
        if kind != "response.created":
            self.begin(kind, document)
        self._identity(patch)
        if kind == "response.created":
            self._created(patch, event)
            return
        if kind in _PROGRESS:
            self._repeated(patch)
        else:
            mend_usage(patch, ("response", "usage"))
            if kind == "response.completed":
                self._completed(patch)
            else:
                self._stopped(patch, kind)
        self.sink.pass_on(patch, event, name=kind if renamed else None)

    def complete(self) -> None:
        """Put in the end of a response whose every item is done. Raises LostError."""
        created = msgspec.json.decode(self.model.created or b"{}").get("response") or {}
        response = created | {
            "id": self.model.ident,
            "status": "completed",
            "output": [self.model.item(entry) for entry in self.model.entries],
            "usage": None,
        }
        self.sink.put({"type": "response.completed", "response": response})

    # --- what each must hold

    def _identity(self, patch: Patch) -> None:
        response = patch.document["response"]
        ident = named(response.get("id"))
        true = self.model.ident or ident or self.origin.mint("resp", 0)
        if ident != true:
            patch.set(("response", "id"), true, "response.id-missing" if ident is None else "response.id-changed")

    def _created(self, patch: Patch, event: Event | None) -> None:
        response = patch.document["response"]
        if not isinstance(response.get("model"), str):
            model = self.origin.model or _NO_MODEL
            patch.set(("response", "model"), model, "response.model-missing", kind="invented")
        if not _is_number(response.get("created_at")):
            patch.set(("response", "created_at"), self.origin.now, "response.created-at-missing", kind="invented")
        if not isinstance(response.get("output"), list):
            patch.set(("response", "output"), [], "response.output-invalid")
        items = response["output"]
        sent = [
            (named(item.get("id")), named(item.get("call_id")), {"name": item.get("name")})
            for item in items
            if isinstance(item, dict)
        ]
        first = self.model.ident is None
        if first:
            self._first_items(patch, items)
        else:
            self._repeated(patch)
        self.sink.pass_on(patch, event)
        if first:
            for entry, (ident, call_id, begun) in zip(self.model.entries, sent, strict=False):
                self.tracks.add(Track(entry.type, ident, call_id, entry.index, entry, begun))

    def _first_items(self, patch: Patch, items: list[Any]) -> None:
        """Mend the items that a response begins with; leave them out where one of them cannot be mended."""
        used: set[object] = set()
        try:
            for index, item in enumerate(items):
                wanted = self.wanted_new(item, typed(item))
                self._claim(wanted, used)
                mend_item(patch, ("response", "output", index), "added", wanted)
        except UnnamedError:
            patch.set(("response", "output"), [], "item.missing", "items left out that cannot be told", "lost")

    @staticmethod
    def _claim(wanted: Wanted, used: set[object]) -> None:
        """Take the names of an item. Raises UnnamedError where another has one of them."""
        names = {wanted.id, *([(wanted.type, wanted.call_id)] if isinstance(wanted.call_id, str) else [])}
        if names & used:
            raise UnnamedError
        used |= names

    def _known(self, item: object, track: Track | None) -> Wanted:
        """Say what an item must be that is repeated on the way. Raises UnnamedError where it is not what it was."""
        kind = typed(item)
        if track is None:
            return self.wanted_new(item if isinstance(item, dict) else {}, kind)
        if track.entry is None or track.entry.type != kind:
            raise UnnamedError
        return self.wanted(track, track.entry)

    def _repeated(self, patch: Patch) -> None:
        """Mend the items that a response on the way repeats; leave them out where they cannot be mended."""
        at = ("response", "output")
        output = patch.document["response"].get("output")
        if output is None and patch.document["type"] != "response.created":
            return
        if not isinstance(output, list):
            patch.set(at, [], "response.output-invalid")
            return
        tracks = self.tracks.match(output)
        try:
            for index, (item, track) in enumerate(zip(output, tracks, strict=True)):
                mend_item(patch, (*at, index), "added", self._known(item, track))
        except (UnnamedError, LostError):
            patch.set(at, [], "item.missing", "left out: its items cannot be told", "lost")

    def _stopped(self, patch: Patch, kind: str) -> None:
        """Mend a response that failed, or that was cut by a limit."""
        response = patch.document["response"]
        self._repeated(patch)
        if kind == "response.incomplete":
            details = response.get("incomplete_details")
            if details is not None and not (isinstance(details, dict) and isinstance(details.get("reason"), str)):
                at = ("response", "incomplete_details")
                if isinstance(details, dict):
                    patch.set((*at, "reason"), str(details.get("reason") or "unknown"), "incomplete.reason-invalid")
                else:
                    patch.set(at, {"reason": named(details) or "unknown"}, "incomplete.reason-invalid")
            return
        error = response.get("error")
        if error is not None and not _is_error(error):
            failure = failure_of({"error": error})
            written = msgspec.json.decode(_data(error_event(said(failure), None, 0, failure.kind)))["response"]["error"]
            mended = (error if isinstance(error, dict) else {}) | written
            patch.set(("response", "error"), mended, "failed.error-invalid")
        number = patch.document.get("sequence_number")
        if not (type(number) is int and 0 <= number <= NO_INDEX):
            patch.set(("sequence_number",), self.sink.next_number(), "failed.unnumbered")

    # --- the completed response

    def _completed(self, patch: Patch) -> None:
        at = ("response", "output")
        output = patch.document["response"].get("output")
        if not isinstance(output, list):
            output = []
            patch.set(at, output, "response.output-invalid")
        tracks = self.tracks.match(output)
        entries: list[Entry | None] = []
        for index, (item, track) in enumerate(zip(output, tracks, strict=True)):
            entries.append(self._settled(patch, (*at, index), item, track))
        self._close_open()
        self._output(patch, entries)

    def _settled(self, patch: Patch, at: tuple[str | int, ...], item: Any, track: Track | None) -> Entry | None:  # noqa: ANN401 - anybody's JSON
        """Mend one item of the completed response, and put in what the stream lacks of it; None if it is no item."""
        kind = kind_of(item)
        pointer = "/" + "/".join(map(str, at))
        if track is None:
            if kind is None or self._is_double(item):
                return None
            self.note("item.not-added", pointer, "its events put in", "invented")
            self.begin_whole(patch, at, kind, None)
            for inner in unroll(item, len(self.model.entries) - 1)[1:]:
                self.sink.put(inner)
            return self.model.entries[-1]
        if track.entry is None:
            self.release(track, item)
        entry = track.entry
        if entry is None:
            raise UnnamedError
        if kind not in {None, entry.type}:
            patch.set(at, self.model.item(entry), "item.type-changed", "what was streamed", "lost")
        wanted = self.wanted(track, entry)
        mend_item(patch, at, "output", wanted)
        if not entry.done:
            self.note("item.done-missing", pointer, "output_item.done put in", "invented")
            copy = Patch({"item": msgspec.json.decode(encode(patch.at(at)))}, unheard)
            mend_item(copy, ("item",), "done", wanted)
            self._close(entry, copy.document["item"])
        return entry

    def _is_double(self, item: dict[str, Any]) -> bool:
        """Tell whether an item that matches nothing left has the name of one that does."""
        return self.tracks.known(named(item.get("id"))) is not None

    def _close_open(self) -> None:
        """End the items that the completed response does not have."""
        for track in self.tracks.all:
            if track.entry is None:
                raise UnnamedError
            if not track.entry.done:
                pointer = f"/response/output/{track.entry.index}"
                self.note("item.done-missing", pointer, "output_item.done put in", "invented")
                item = self.model.item(track.entry)
                patch = Patch({"item": item}, unheard)
                mend_item(patch, ("item",), "done", self.wanted(track, track.entry))
                self._close(track.entry, item)

    def _close(self, entry: Entry, item: dict[str, Any]) -> None:
        self.rest_of_item(entry, item, f"/response/output/{entry.index}")
        for event in closings(item, entry):
            self.sink.put(event)
        self.sink.put({"type": "response.output_item.done", "output_index": entry.index, "item": item})

    def _output(self, patch: Patch, entries: Sequence[Entry | None]) -> None:
        """See that the completed response has every item, and has it once."""
        at = ("response", "output")
        output = patch.at(at)
        known = [entry for entry in entries if entry is not None]
        if len(known) == len(output) == len(self.model.entries):
            return
        if len(known) < len(output):
            self.note("item.missing", "/response/output", "what is no item, or there twice, left out", "mended")
        given = {entry: item for entry, item in zip(entries, output, strict=True) if entry is not None}
        whole = [given.get(entry) or self.model.item(entry) for entry in self.model.entries]
        if len(known) < len(self.model.entries):
            patch.set(at, whole, "response.output-short", "the streamed items put in")
        else:
            patch.fill(at, whole)


def why_not_whole(patch: Patch) -> None:
    """See that a response that is not whole says why, so that no client takes it for a success.

    @ai-sdk/openai reads the reason alone, and Codex the error; one without has "stopped".
    """
    kind, response = patch.document["type"], patch.document.get("response")
    if not isinstance(response, dict):
        return
    if kind == "response.incomplete" and response.get("incomplete_details") is None:
        patch.set(("response", "incomplete_details"), {"reason": "unknown"}, "response.status-wrong", kind="invented")
    elif kind == "response.failed" and response.get("error") is None:
        how = "was cancelled" if response.get("status") == "cancelled" else "failed"
        error = {"code": "server_error", "message": f"the provider says that the response {how}"}
        patch.set(("response", "error"), error, "response.status-wrong", kind="invented")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_error(error: object) -> bool:
    return (
        isinstance(error, dict)
        and isinstance(error.get("message"), str)
        and (error.get("code") is None or isinstance(error["code"], str))
    )


def _data(raw: bytes) -> bytes:
    """Give the data of an event of one line."""
    return raw.partition(b"data: ")[2].rstrip(b"\n")
