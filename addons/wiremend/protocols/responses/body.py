"""Mends a whole reply of the responses wire: the response object, by the same rules as its stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from wiremend.errors import BodyError
from wiremend.protocols.failure import Failure, failure_of, failure_of_body
from wiremend.protocols.mending import Mend, Origin, Whole
from wiremend.protocols.responses.contract import check_body
from wiremend.protocols.responses.convert import read_stream
from wiremend.protocols.responses.documents import CHAT_WORDS, FailError, broken, failure_in
from wiremend.protocols.responses.model import CALLS
from wiremend.protocols.responses.patch import Patch, encode, readable
from wiremend.protocols.responses.reading import BROKEN, error_at, is_chat, is_error, lenient_json, loose_json
from wiremend.protocols.responses.shape import PREFIXES, UnnamedError, Wanted, kind_of, mend_item, mend_usage, named

if TYPE_CHECKING:
    from collections.abc import Callable

    from wiremend.protocols.mending import StreamMender
    from wiremend.protocols.responses.patch import Note

_OK: Final = 200
_MARK: Final = b"\xef\xbb\xbf"


def mend_body(body: bytes, origin: Origin, mender: Callable[[Origin], StreamMender]) -> Whole:
    """Mend a body that came with a status of success; a sound one is given as the object that it is. Never raises."""
    found = check_body(body)
    if not found:
        return Whole(body)
    if found[0].code == "responses.body.is-stream":
        return _from_stream(body, origin, mender)
    mends: list[Mend] = []

    def note(code: str, pointer: str, what: str, kind: Literal["mended", "invented", "lost", "failed"]) -> None:
        mends.append(Mend(kind, f"responses.{code}", 0, pointer, what))

    try:
        return Whole(_mended(body, origin, note), tuple(mends))
    except FailError as error:
        failure, code, pointer = error.failure, error.code, error.pointer
    except UnnamedError:
        failure = broken("the provider's answer has a tool call that names no tool")
        code, pointer = "item.name-missing", "/output"
    except (RecursionError, ValueError, BodyError):
        failure, code, pointer = broken("the provider's answer cannot be read"), "event.field-invalid", ""
    note(code, pointer, "taken for an error", "failed")
    return Whole(body, tuple(mends), failure)


def _mended(body: bytes, origin: Origin, note: Note) -> bytes:
    """Mend the bytes of a body. Raises FailError, UnnamedError, RecursionError, ValueError, BodyError."""
    document, original = _read(body, note)
    if not isinstance(document.get("output"), list) and document.get("object") != "response":
        raise FailError(broken("the provider answered with what is no response"), "response.output-invalid", "/output")
    if document.get("status") == "failed":
        raise FailError(failure_in({"response": document}), "body.failed", "/status")
    patch = Patch(document, note)
    _Body(patch, origin).mend()
    mended = patch.data(original)
    if check_body(mended):
        raise FailError(broken("the provider's answer cannot be mended"), "event.field-invalid")
    return mended


def _read(body: bytes, note: Note) -> tuple[dict[str, Any], bytes]:
    """Read a body that may be a response; give it with its bytes. Raises FailError."""
    document, original = loose_json(body), body
    if document is BROKEN:
        document = lenient_json(body.removeprefix(_MARK))
        if isinstance(document, dict):
            note("body.not-json", "", "written as JSON that every client reads", "mended")
            document = readable(document)
            original = encode(document)
    if not isinstance(document, dict):
        raise FailError(failure_of_body(body, _OK), "body.not-json")
    if document.get("object") != "response" and is_error(document):
        raise FailError(failure_of(document, _OK), "body.error", error_at(document))
    if is_chat(document):
        raise FailError(Failure("invalid_request", 400, CHAT_WORDS, final=True), "body.is-chat")
    return document, original


class _Body:
    """Mends one response object."""

    def __init__(self, patch: Patch, origin: Origin) -> None:
        self._patch = patch
        self._origin = origin
        self._used: set[tuple[str, str]] = set()
        self._minted = 0

    def mend(self) -> None:
        patch, document = self._patch, self._patch.document
        if named(document.get("id")) is None:
            patch.set(("id",), self._origin.mint("resp", 0), "response.id-missing", kind="invented")
        mend_usage(patch, ("usage",))
        output = document.get("output")
        if not isinstance(output, list):
            patch.set(("output",), self._made(output), "response.output-invalid")
            output = document["output"]
        self._leave_out(output)
        for index, item in enumerate(patch.document["output"]):
            mend_item(patch, ("output", index), "body", self._wanted(item))

    @staticmethod
    def _made(output: object) -> list[Any]:
        """Give the list that an output stands for: a lone item, or a lone text, else nothing."""
        if isinstance(output, dict) and kind_of(output) is not None:
            return [output]
        if isinstance(output, str) and output:
            part = {"type": "output_text", "text": output, "annotations": []}
            return [{"type": "message", "role": "assistant", "status": "completed", "content": [part]}]
        return []

    def _leave_out(self, output: list[Any]) -> None:
        """Drop what is no item, and a call that is there twice, which would run twice."""
        kept: list[Any] = []
        calls: set[str] = set()
        for index, item in enumerate(output):
            kind = kind_of(item)
            call = None
            if kind in CALLS and named(item.get("call_id")) is not None:
                call = encode((kind, item["call_id"], item.get("name"), item.get(CALLS[kind or ""]))).decode()
            if kind is None:
                self._patch.note("item.missing", f"/output/{index}", "dropped: it tells no type", "lost")
            elif call is not None and call in calls:
                self._patch.note("item.id-repeated", f"/output/{index}", "dropped: it is there twice", "mended")
            else:
                kept.append(item)
                calls |= {call} if call else set()
        if len(kept) != len(output):
            self._patch.fill(("output",), kept)

    def _wanted(self, item: dict[str, Any]) -> Wanted:
        kind = kind_of(item) or ""
        ident, call_id = named(item.get("id")), item.get("call_id")
        taken = ident is not None and ("", ident) in self._used
        new_id = ident if ident is not None and not taken else self._mint("", PREFIXES.get(kind, "item"))
        if kind in CALLS:
            call_id = named(call_id)
            if call_id is None or (kind, call_id) in self._used:
                call_id = self._mint(kind, "call")
        elif not isinstance(call_id, str):
            call_id = None
        self._used.add(("", new_id))
        if isinstance(call_id, str):
            self._used.add((kind, call_id))
        code = "item.id-repeated" if taken else "item.id-missing"
        return Wanted(kind, new_id, call_id, None, id_code=code, call_code="item.call-id-repeated", new=True)

    def _mint(self, scope: str, prefix: str) -> str:
        while True:
            self._minted += 1
            name = self._origin.mint(prefix, self._minted)
            if (scope, name) not in self._used:
                return name


def _from_stream(body: bytes, origin: Origin, mender: Callable[[Origin], StreamMender]) -> Whole:
    """Read a body that is an event stream, where none was asked for."""
    whole, mends = read_stream(body, mender(origin))
    turned = Mend("mended", "responses.body.is-stream", 0, "", "written as one response object")
    if whole.failure is not None:
        return Whole(body, (turned, *mends), whole.failure)
    again = mend_body(whole.body, origin, mender)
    if again.failure is not None:
        return Whole(body, (turned, *mends, *again.mends), again.failure)
    return Whole(again.body, (turned, *mends, *again.mends))
