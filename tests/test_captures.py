"""Every case in captures/: the client's request through today's rules, compared byte for byte with what must leave.

The folder's name is the test's id; captures/README.md has the format. A case that lies about itself (a content-length
that does not fit, an oracle that nobody knows) is a failure too. A case of a quirk is run a second time with mending
off: then something else must leave, and the provider, as tests/quirks/refusals_*.py play it, must refuse that. The
sessions of real agents, which ``python -m tests.clients.recording`` makes, and the exchanges in translation, which
``python -m tests.translate.record`` makes, are replayed as a user's cases are.
"""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from click.testing import CliRunner

from tests.clients.judge import ORACLES as JAVASCRIPT
from tests.oracles import ORACLES
from wiremend.captures.case import find_cases, read_case
from wiremend.cli.main import cli
from wiremend.codings import decode
from wiremend.families import looks_like_credential
from wiremend.pipeline.outcome import ClientRequest, Rewritten
from wiremend.pipeline.request import rewrite
from wiremend.protocols import WIRES
from wiremend.quirks import all_quirks
from wiremend.quirks.memory import Memory
from wiremend.replay.compare import compare
from wiremend.replay.rules import Today
from wiremend.replay.run import replay
from wiremend.replay.run import sent as request_of
from wiremend.rules.compile import rules_hash
from wiremend.rules.load import load_rules
from wiremend.rules.lookup import shipped

if TYPE_CHECKING:
    from tests.quirks.kit import Refusal
    from wiremend.captures import capture as captures
    from wiremend.captures.case import Case
    from wiremend.headers import Headers
    from wiremend.rules.resolve import Resolved

CAPTURES = Path(__file__).parents[1] / "captures"
ALL = find_cases(CAPTURES)
SESSIONS = [folder for folder in ALL if folder.name.startswith("session-")]
RECORDED = [folder for folder in ALL if folder.name.startswith(("session-", "translated-"))]
CASES = [folder for folder in ALL if folder not in RECORDED]
KEYS = {"shows", "quirk", "oracle", "means", "codes", "but"}
REPLY_ORACLES: Final = {"scripted", *ORACLES, *(oracle for oracles in JAVASCRIPT.values() for oracle in oracles)}


@cache
def stored(folder: Path) -> Case:
    """Read a case."""
    return read_case(folder)


def case_of(folder: Path) -> dict[str, Any]:
    """Give what people say of a case."""
    return dict(stored(folder).about)


QUIRKY = [folder for folder in CASES if "quirk" in case_of(folder)]


@dataclass(frozen=True, slots=True)
class Request:
    """A request as a case has it; ``url`` is a path where it came to the gateway."""

    method: str
    url: str
    headers: Headers
    body: bytes

    @property
    def head(self) -> str:
        """The head as upstream.request writes it."""
        head = [f"{self.method} {self.url} HTTP/1.1", *(f"{name}: {value}" for name, value in self.headers)]
        return "\n".join(head) + "\n"


def sent(folder: Path) -> ClientRequest:
    """Give the client's request as the pipeline takes it."""
    return request_of(stored(folder).capture)


def upstream_of(folder: Path) -> captures.Request:
    """Give the request that must leave."""
    attempt = stored(folder).capture.attempt
    assert attempt is not None, "upstream.request is missing"
    return attempt.request


def memory_of(folder: Path) -> Memory:
    """Give what a case's earlier replies left behind."""
    return Memory.of(stored(folder).capture.inputs.memory)


def name_of(folder: Path) -> str:
    return f"{folder.parent.name}/{folder.name}"


@cache
def refusals() -> dict[str, Refusal]:
    """Give what providers refuse, by the quirk's name."""
    found: dict[str, Refusal] = {}
    for path in sorted((Path(__file__).parent / "quirks").glob("refusals_*.py")):
        more: dict[str, Refusal] = importlib.import_module(f"tests.quirks.{path.stem}").REFUSALS
        assert not found.keys() & more.keys(), path
        found |= more
    return found


def rules_of(folder: Path, *, mend: bool = True) -> Resolved:
    """Give the rules of a case, as they are or with mending off at the top."""
    file = stored(folder).rules or shipped()
    environment = stored(folder).capture.inputs.environment
    resolved = load_rules(file.read_text("utf-8"), file.name, environment).resolved
    return resolved if mend else replace(resolved, rules=replace(resolved.rules, mend=False))


def left(folder: Path, *, mend: bool = True) -> tuple[Request, Rewritten]:
    """Give the request of a case as it leaves."""
    client = sent(folder)
    seed = stored(folder).capture.inputs.seed
    outcome = rewrite(client, rules_of(folder, mend=mend), memory_of(folder), seed)
    assert isinstance(outcome, Rewritten), outcome
    body = client.body if outcome.body is None else outcome.body
    headers = outcome.headers.with_set("content-length", str(len(body)))  # the edge does this, for HTTP/1.1
    return Request(client.method, outcome.destination.url, headers, body), outcome


@pytest.mark.parametrize("folder", CASES, ids=name_of)
def test_a_case_leaves_as_it_must(folder: Path) -> None:
    request, outcome = left(folder)
    assert request.head == (folder / "upstream.request").read_bytes().decode()
    assert request.body.decode() == upstream_of(folder).body.decode()
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
    assert request != unmended
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
    case, about = stored(folder), case_of(folder)
    assert set(about) <= KEYS
    assert case.title
    assert len(case.origin) > 20
    assert about["shows"]
    assert folder.parent.name in WIRES
    for request in (case.capture.request, upstream_of(folder)):
        assert request.version == "HTTP/1.1"
        assert request.headers.get("content-length") == str(len(request.body))
    for path in folder.iterdir():
        text = path.read_bytes().decode("utf-8", "replace")  # a reply may hold anything
        assert not looks_like_credential(text.replace("FAKE", "")), path  # whatever looks like a key says FAKE


@pytest.mark.parametrize("folder", QUIRKY, ids=name_of)
def test_a_case_of_a_quirk_says_who_judges_it(folder: Path) -> None:
    case = case_of(folder)
    quirk = all_quirks()[case["quirk"]]
    assert folder.parent.name in quirk.wires
    capture = stored(folder).capture
    assert capture.attempt is not None
    replies = [reply for reply in (capture.attempt.response, capture.answer) if reply is not None]
    named = case.get("oracle")
    oracles = named if isinstance(named, list) else [named]
    if REPLY_ORACLES.issuperset(oracles):
        assert len(replies) == 2
        assert all((reply.version, reply.status >= 100) == ("HTTP/1.1", True) for reply in replies)
    else:
        assert named == ("refusal" if quirk.request is not None else None)
        assert replies == []


@pytest.mark.parametrize("folder", RECORDED, ids=name_of)
def test_a_recorded_case_replays_by_the_rules_that_it_was_recorded_with(folder: Path) -> None:
    case = stored(folder)
    assert case.rules is not None
    text = case.rules.read_text("utf-8")
    assert case.capture.rules == rules_hash(text)
    assert case.origin.startswith("recorded by Wiremend ")
    assert case_of(folder)["shows"]
    assert compare(case.capture, replay(case.capture, Today(text, "rules.yaml"))) == []


def test_there_are_sessions_of_real_agents() -> None:
    found = {(folder.parent.name, stored(folder).capture.client) for folder in SESSIONS}
    assert found == {("messages", "claude-code"), ("responses", "codex"), ("chat", "opencode")}
    for client in ("claude-code", "codex", "opencode"):
        bodies = [stored(folder).capture.request.body for folder in SESSIONS if client in folder.name]
        assert [b"tool-ran-8231" in body.replace(b"echo tool-ran-8231", b"") for body in bodies] == [False, True]


def test_nothing_in_the_cases_looks_like_a_secret() -> None:
    done = CliRunner().invoke(cli, ["captures", "scrub", "--check", str(CAPTURES)])
    assert (done.exit_code, done.output) == (0, "nothing looks like a secret\n")


def test_there_are_cases_of_every_wire() -> None:
    assert {folder.parent.name for folder in CASES} == set(WIRES)
    lost = {path.parent for path in CAPTURES.rglob("*") if path.is_file()} - {CAPTURES, *ALL}
    assert lost == set(), "no case.yaml"


def test_every_quirk_that_works_has_a_case() -> None:
    told = {case_of(folder)["quirk"] for folder in QUIRKY}
    assert told <= all_quirks().keys()
    assert [name for name, quirk in all_quirks().items() if quirk.works and name not in told] == []
