"""Every case in captures/: the client's request through today's rules, compared byte for byte with what must leave.

The folder's name is the test's id; captures/README.md has the format. A case that lies about itself (a content-length
that does not fit, an environment variable that nothing reads) is a failure too.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from wiremend.headers import Headers
from wiremend.pipeline import ClientRequest, Rewritten, rewrite
from wiremend.protocols import WIRES
from wiremend.rules.families import looks_like_credential
from wiremend.rules.load import load_rules
from wiremend.rules.lookup import shipped

CAPTURES = Path(__file__).parents[1] / "captures"
CASES = sorted(path.parent for path in CAPTURES.glob("*/*/case.yaml"))
KEYS = {"title", "from", "shows", "environment", "body"}


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


@pytest.mark.parametrize("folder", CASES, ids=name_of)
def test_a_case_leaves_as_it_must(folder: Path) -> None:
    case = case_of(folder)
    client = Request.read(folder / "client.http", coded=case.get("body") == "base64")
    file = folder / "rules.yaml" if (folder / "rules.yaml").exists() else shipped()
    resolved = load_rules(file.read_text("utf-8"), file.name, case.get("environment", {})).resolved
    outcome = rewrite(client.sent(), resolved)
    assert isinstance(outcome, Rewritten), outcome
    body = client.body if outcome.body is None else outcome.body
    headers = outcome.headers.with_set("content-length", str(len(body)))  # the edge does this, for HTTP/1.1
    left = Request(client.method, outcome.destination.url, headers, body)
    assert left.text == (folder / "upstream.http").read_bytes().decode()


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
        text = path.read_text("utf-8")
        assert not looks_like_credential(text.replace("FAKE", "")), path  # whatever looks like a key says FAKE


def test_there_are_cases_of_every_wire() -> None:
    assert {folder.parent.name for folder in CASES} == set(WIRES)
    assert sorted(path for path in CAPTURES.rglob("*.http") if path.parent not in CASES) == []
