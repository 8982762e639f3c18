"""Every case in captures/: the client's request through today's rules, compared byte for byte with what must leave.

The folder's name is the test's id; captures/README.md has the format. A case that lies about itself (a content-length
that does not fit, an oracle that nobody knows) is a failure too. A case of a quirk is run a second time with mending
off: then something else must leave, and the provider, as tests/quirks/refusals_*.py play it, must refuse that.
"""

from __future__ import annotations

import base64
import importlib
import json
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import pytest
import yaml

from tests.clients.judge import ORACLES as JAVASCRIPT
from tests.oracles import ORACLES
from wiremend.codings import decode
from wiremend.families import looks_like_credential
from wiremend.headers import Headers
from wiremend.pipeline.request import ClientRequest, Rewritten, rewrite
from wiremend.protocols import WIRES
from wiremend.quirks import all_quirks
from wiremend.quirks.memory import Memory
from wiremend.rules.load import load_rules
from wiremend.rules.lookup import shipped

if TYPE_CHECKING:
    from tests.quirks.kit import Refusal
    from wiremend.rules.resolve import Resolved

CAPTURES = Path(__file__).parents[1] / "captures"
CASES = sorted(path.parent for path in CAPTURES.glob("*/*/case.yaml"))
QUIRKY = [folder for folder in CASES if "\nquirk:" in (folder / "case.yaml").read_text("utf-8")]
KEYS = {"title", "from", "shows", "environment", "body", "quirk", "oracle", "memory", "seed", "means", "codes", "but"}
REPLY_ORACLES: Final = {"scripted", *ORACLES, *(oracle for oracles in JAVASCRIPT.values() for oracle in oracles)}


@dataclass(frozen=True, slots=True)
class Request:
    """A request as a file has it; ``url`` is a path where it came to the gateway."""

    method: str
    url: str
    headers: Headers
    body: bytes

    @classmethod
    def read(cls, path: Path, *, coded: bool = False) -> Request:
        head, _, body = path.read_bytes().partition(b"\n\n")
        first, *lines = head.decode().split("\n")
        method, url, version = first.split(" ")
        assert version == "HTTP/1.1"
        pairs = [line.partition(": ") for line in lines]
        assert body.endswith(b"\n"), "the file ends with a line feed of its own"
        body = base64.b64decode(body) if coded else body[:-1]
        return cls(method, url, Headers(tuple((name, value) for name, _, value in pairs)), body)

    @property
    def text(self) -> str:
        """The request as upstream.http writes it."""
        head = [f"{self.method} {self.url} HTTP/1.1", *(f"{name}: {value}" for name, value in self.headers)]
        return "\n".join(head) + f"\n\n{self.body.decode()}\n"

    def sent(self) -> ClientRequest:
        """Give the request as the pipeline takes it."""
        parts = urlsplit(self.url)
        target = self.url.removeprefix(f"{parts.scheme}://{parts.netloc}") if parts.netloc else self.url
        return ClientRequest(
            style="proxy" if parts.netloc else "gateway",
            method=self.method,
            scheme=parts.scheme or "http",
            host=parts.hostname,
            port=parts.port or (443 if parts.scheme == "https" else 80),
            target=target,
            headers=self.headers,
            body=self.body,
        )


def case_of(folder: Path) -> dict[str, Any]:
    case: dict[str, Any] = yaml.safe_load((folder / "case.yaml").read_text("utf-8"))
    return case


def name_of(folder: Path) -> str:
    return f"{folder.parent.name}/{folder.name}"


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply as a file has it: the body is every byte behind the empty line, to the end of the file."""

    status: int
    headers: Headers
    body: bytes

    @classmethod
    def read(cls, path: Path) -> Reply:
        head, mark, body = path.read_bytes().partition(b"\n\n")
        assert mark, "an empty line parts head and body"
        first, *lines = head.decode().split("\n")
        version, status, _reason = first.split(" ", 2)
        assert version == "HTTP/1.1"
        pairs = [line.partition(": ") for line in lines]
        return cls(int(status), Headers(tuple((name, value) for name, _, value in pairs)), body)


@cache
def refusals() -> dict[str, Refusal]:
    """Give what providers refuse, by the quirk's name."""
    found: dict[str, Refusal] = {}
    for path in sorted((Path(__file__).parent / "quirks").glob("refusals_*.py")):
        more: dict[str, Refusal] = importlib.import_module(f"tests.quirks.{path.stem}").REFUSALS
        assert not found.keys() & more.keys(), path
        found |= more
    return found


def rules_of(folder: Path, case: dict[str, Any], *, mend: bool = True) -> Resolved:
    """Give the rules of a case, as they are or with mending off at the top."""
    file = folder / "rules.yaml" if (folder / "rules.yaml").exists() else shipped()
    resolved = load_rules(file.read_text("utf-8"), file.name, case.get("environment", {})).resolved
    return resolved if mend else replace(resolved, rules=replace(resolved.rules, mend=False))


def left(folder: Path, *, mend: bool = True) -> tuple[Request, Rewritten]:
    """Give the request of a case as it leaves."""
    case = case_of(folder)
    client = Request.read(folder / "client.http", coded=case.get("body") == "base64")
    memory = Memory()
    for key, value in case.get("memory", {}).items():
        memory.keep(key, value)
    outcome = rewrite(client.sent(), rules_of(folder, case, mend=mend), memory, case.get("seed", ""))
    assert isinstance(outcome, Rewritten), outcome
    body = client.body if outcome.body is None else outcome.body
    headers = outcome.headers.with_set("content-length", str(len(body)))  # the edge does this, for HTTP/1.1
    return Request(client.method, outcome.destination.url, headers, body), outcome


def run_reply(folder: Path) -> bytes:
    """Give the answer that the client gets for a case's reply.http, written as answer.http is."""
    raise NotImplementedError(folder)


@pytest.mark.parametrize("folder", CASES, ids=name_of)
def test_a_case_leaves_as_it_must(folder: Path) -> None:
    request, outcome = left(folder)
    assert request.text == (folder / "upstream.http").read_bytes().decode()
    assert [note for note in outcome.notes if note.kind == "failed"] == []


@pytest.mark.parametrize("folder", QUIRKY, ids=name_of)
def test_a_quirk_of_a_case_is_what_makes_the_difference(folder: Path) -> None:
    case = case_of(folder)
    quirk = all_quirks()[case["quirk"]]
    if quirk.request is None and quirk.target is None:
        return  # its case is one of a reply
    request, outcome = left(folder)
    unmended, plain = left(folder, mend=False)
    assert quirk.name in outcome.decision.quirks
    assert request.text != unmended.text
    assert [note for note in outcome.notes if note.short == quirk.name]
    assert [note for note in plain.notes if note.short == quirk.name] == []


@pytest.mark.parametrize(
    "folder", [folder for folder in QUIRKY if case_of(folder).get("oracle") == "refusal"], ids=name_of
)
def test_the_provider_refuses_what_leaves_unmended_and_takes_what_leaves_mended(folder: Path) -> None:
    refuses = refusals()[case_of(folder)["quirk"]]

    def answer(request: Request) -> tuple[int, str] | None:
        body = decode(request.body, request.headers.get("content-encoding"))
        return refuses(json.loads(body), request.headers)

    refusal = answer(left(folder, mend=False)[0])
    assert refusal is not None
    assert 400 <= refusal[0] < 600
    assert answer(left(folder)[0]) is None


@pytest.mark.parametrize("folder", CASES, ids=name_of)
def test_a_case_is_what_it_says(folder: Path) -> None:
    case = case_of(folder)
    client = Request.read(folder / "client.http", coded=case.get("body") == "base64")
    upstream = Request.read(folder / "upstream.http")
    assert set(case) <= KEYS
    assert case["title"]
    assert len(case["from"]) > 20
    assert case["shows"]
    assert folder.parent.name in WIRES
    for request in (client, upstream):
        assert request.headers.get("content-length") == str(len(request.body))
    for path in folder.iterdir():
        text = path.read_bytes().decode("utf-8", "replace")  # a reply may hold anything
        assert not looks_like_credential(text.replace("FAKE", "")), path  # whatever looks like a key says FAKE


@pytest.mark.parametrize("folder", QUIRKY, ids=name_of)
def test_a_case_of_a_quirk_says_who_judges_it(folder: Path) -> None:
    case = case_of(folder)
    quirk = all_quirks()[case["quirk"]]
    assert folder.parent.name in quirk.wires
    replies = {name for name in ("reply.http", "answer.http") if (folder / name).exists()}
    named = case.get("oracle")
    oracles = named if isinstance(named, list) else [named]
    if REPLY_ORACLES.issuperset(oracles):
        assert replies == {"reply.http", "answer.http"}
        assert all(Reply.read(folder / name).status >= 100 for name in replies)
    else:
        assert named == ("refusal" if quirk.request is not None else None)
        assert replies == set()


def test_there_are_cases_of_every_wire() -> None:
    assert {folder.parent.name for folder in CASES} == set(WIRES)
    assert sorted(path for path in CAPTURES.rglob("*.http") if path.parent not in CASES) == []


def test_every_quirk_that_works_has_a_case() -> None:
    told = {case_of(folder)["quirk"] for folder in QUIRKY}
    assert told <= all_quirks().keys()
    assert [name for name, quirk in all_quirks().items() if quirk.works and name not in told] == []
