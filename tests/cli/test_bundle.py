"""``wiremend bundle``: what is in the archive, what is not, and that it replays."""

from __future__ import annotations

import getpass
import json
import socket
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.captures_kit import ASKED, FIRST, SENT, exchange, har, har_entry, run, with_key, write
from wiremend.captures.capture import Body, Response
from wiremend.captures.case import find_cases, read_case
from wiremend.cli.bundle import verdicts, zipped
from wiremend.headers import Headers
from wiremend.rules.compile import rules_hash

SECRET = "sk-kimi-q7Zr2LxV9mTb4NwK8sYc3HdJ6fGp1AeU5oXi"
RULES = "routes: [{name: coding, when: {model: kimi-*}, to: kimi-code/kimi-for-coding}]\n"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("WIREMEND_RULES", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "KIMI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def unpacked(name: str = "problem.zip") -> dict[str, bytes]:
    with zipfile.ZipFile(name) as archive:
        assert archive.testzip() is None
        return {info.filename: archive.read(info) for info in archive.infolist()}


def test_the_archive_has_the_case_the_rules_the_versions_and_the_verdicts(tmp_path: Path) -> None:
    file = write(tmp_path / "a.flows", [exchange(1), exchange(2)])
    result = run("bundle", f"{file}:1")
    assert result.exit_code == 0, result.exception
    files = unpacked()
    assert set(files) >= {
        "README.txt",
        "case/chat/0001c0de/case.yaml",
        "case/chat/0001c0de/client.request",
        "case/chat/0001c0de/rules.yaml",
        "case/chat/0001c0de/upstream.sse",
        "rules.yaml",
        "to-read.txt",
        "verdicts.json",
        "versions.json",
    }
    versions = json.loads(files["versions.json"])
    assert versions["recorded_with"]["mitmproxy"] == "12.2.3"
    assert set(versions["bundled_with"]) == {"wiremend", "mitmproxy", "python", "system"}
    assert b"wiremend replay problem" in files["README.txt"]
    assert b"/messages/0: user message" in files["to-read.txt"]
    for name in files:
        assert name in result.output
    assert "Read this before you share it" in result.output
    assert "/messages/0: user message" in " ".join(result.output.split())


def test_no_secret_and_no_name_of_user_or_machine_is_in_it(home: Path, tmp_path: Path) -> None:
    body = ASKED.replace(b"hello", f"{home}/x {SECRET} me@firm.test".encode())
    base = with_key(exchange(1), SECRET)
    file = write(tmp_path / "a.flows", [replace(base, request=replace(base.request, body=body))])
    rules = tmp_path / "mine.yaml"
    rules.write_text(f"# my key is {SECRET}, it lies in {home}/key\n{RULES}", "utf-8")
    result = run("bundle", file, "--rules", rules)
    assert result.exit_code == 0, result.exception
    everything = b"\n".join(unpacked().values())
    host, user = socket.gethostname(), getpass.getuser()
    for private in (SECRET, SECRET[8:], str(home), "me@firm.test", *(name for name in (host, user) if len(name) > 5)):
        assert private.encode() not in everything
        assert private.encode() not in Path("problem.zip").read_bytes()
    assert SECRET not in result.output


def test_the_same_capture_gives_the_same_bytes(tmp_path: Path) -> None:
    file = write(tmp_path / "a.flows", [exchange(1)])
    assert run("bundle", file, "-o", "x/../one.zip").exit_code != 0 or Path("one.zip").exists()
    assert run("bundle", file).exit_code == 0
    first = Path("problem.zip").read_bytes()
    assert run("bundle", file, "--force").exit_code == 0
    assert Path("problem.zip").read_bytes() == first


def test_entries_have_one_time_and_mode_and_their_own_order() -> None:
    made = zipped({"b": b"2", "a": b"1" * 1000})
    assert made == zipped({"a": b"1" * 1000, "b": b"2"})
    Path("x.zip").write_bytes(made)
    with zipfile.ZipFile("x.zip") as archive:
        seen = [(info.filename, info.date_time, info.external_attr >> 16) for info in archive.infolist()]
    assert seen == [("a", (1980, 1, 1, 0, 0, 0), 0o644), ("b", (1980, 1, 1, 0, 0, 0), 0o644)]


def test_a_file_that_is_there_stays_unless_forced(tmp_path: Path) -> None:
    file = write(tmp_path / "a.flows", [exchange(1)])
    Path("problem.zip").write_bytes(b"mine")
    result = run("bundle", file)
    assert result.exit_code == 1
    assert "--force" in str(result.exception)
    assert Path("problem.zip").read_bytes() == b"mine"


def test_one_capture_is_meant(tmp_path: Path) -> None:
    file = write(tmp_path / "a.flows", [exchange(1), exchange(2)])
    result = run("bundle", file)
    assert result.exit_code == 1
    assert f"say which: {file}:1" in str(result.exception)
    assert not Path("problem.zip").exists()


def test_the_rules_are_those_of_the_time_where_they_were_kept(home: Path, tmp_path: Path) -> None:
    digest = rules_hash(RULES)
    kept = home / ".local/state/wiremend/captures/rules" / f"{digest}.yaml"
    kept.parent.mkdir(parents=True)
    kept.write_text(RULES, "utf-8")
    file = write(tmp_path / "a.flows", [exchange(1, rules=digest), exchange(2, rules="ffffffffffff")])
    result = run("bundle", f"{file}:1")
    assert unpacked()["rules.yaml"] == RULES.encode()
    assert f"the rules that it ran with ({digest})" in " ".join(result.output.split())
    result = run("bundle", f"{file}:2", "-o", "other.zip")
    said = " ".join(result.output.split())
    assert "the rules in force" in said
    assert "it ran with ffffffffffff, which are not kept" in said


def test_rules_with_a_literal_credential_lose_it(tmp_path: Path) -> None:
    file = write(tmp_path / "a.flows", [exchange(1)])
    rules = tmp_path / "mine.yaml"
    rules.write_text(f"providers: {{x: {{base_url: 'https://api.example.com', key: {SECRET}}}}}\n", "utf-8")
    result = run("bundle", file, "--rules", rules)
    assert result.exit_code == 0, result.exception
    assert SECRET.encode() not in unpacked()["rules.yaml"]
    assert "was taken out" in " ".join(result.output.split())


def test_verdicts_tell_what_a_strict_client_would_object_to(tmp_path: Path) -> None:
    bad = Response(200, "", Headers((("content-type", "text/event-stream"),)), Body(FIRST))
    base = exchange(1)
    found = verdicts(replace(base, attempts=(replace(base.attempts[0], response=bad),)))
    (upstream,) = found["upstream"]
    assert (upstream["wire"], upstream["as"]) == ("chat", "stream")
    assert upstream["count"] == len(upstream["violations"]) > 0
    assert {"code", "event", "pointer", "message"} == set(upstream["violations"][0])
    assert found["client"] == {"wire": "chat", "as": "stream", "count": 0, "violations": []}
    nothing = verdicts(replace(base, attempts=(replace(base.attempts[0], response=None),), answer=None))
    assert nothing == {"upstream": [{"not judged": "there is no reply"}], "client": {"not judged": "there is no reply"}}
    listing = replace(base, request=replace(base.request, target="/v1/models"))
    assert "models" in verdicts(listing)["client"]["not judged"]
    assert tmp_path.exists()


def test_a_har_can_be_bundled(tmp_path: Path) -> None:
    file = tmp_path / "x.har"
    file.write_text(har(har_entry("https://api.example.com/v1/chat/completions")), "utf-8")
    result = run("bundle", file)
    assert result.exit_code == 0, result.exception
    assert "not known" in " ".join(result.output.split())


def test_what_was_unpacked_replays_with_its_own_rules(tmp_path: Path) -> None:
    base = exchange(1)
    sent = replace(base.attempts[0].request, body=SENT)
    file = write(tmp_path / "a.flows", [replace(base, attempts=(replace(base.attempts[0], request=sent),))])
    rules = tmp_path / "mine.yaml"
    rules.write_text(RULES, "utf-8")
    assert run("bundle", file, "--rules", rules).exit_code == 0
    with zipfile.ZipFile("problem.zip") as archive:
        archive.extractall("problem")
    (folder,) = find_cases(Path("problem"))
    assert read_case(folder).capture.attempts[0].request.body == SENT
    (replayed,) = json.loads(run("replay", "problem", "--json").output)["cases"]
    assert replayed["error"] is None
    causes = {one["cause"] for one in replayed["differences"] if one["where"] == "url"}
    assert causes == {"route 'coding' matches (rules.yaml:1)"}  # the archive's rules: this machine knows no such route
    assert not [one for one in replayed["differences"] if one["where"].startswith("/")]  # nothing in the body
