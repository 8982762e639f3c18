"""Cases that are wrong, and captures that cannot be one: what is said names the file, and the line or the key."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from wiremend.captures.capture import Attempt, Body, Capture, Inputs, Request, Response
from wiremend.captures.case import find_cases, read_case, write_case
from wiremend.errors import CaptureError
from wiremend.headers import Headers

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "case.yaml": "format: 1\ntitle: t\n",
    "client.request": "POST /v1/messages HTTP/1.1\nA: b\n",
    "client.request.json": "{}",
    "upstream.request": "POST https://api.example/v1/messages HTTP/1.1\n",
    "upstream.response": "HTTP/1.1 200 OK\n",
    "upstream.sse": "data: 1\n\n",
    "client.response": "HTTP/1.1 200 OK\n",
}
REQUEST = Request("POST", "http", None, 80, "/v1/messages")
CAPTURE = Capture("messages/a", 0.0, REQUEST, wire="messages", inputs=Inputs(style="gateway"))


def case(top: Path, changes: dict[str, str | None]) -> Path:
    folder = top / "captures" / "messages" / "a"
    folder.mkdir(parents=True)
    for name, text in (FILES | changes).items():
        if text is not None:
            (folder / name).write_bytes(text.encode())
    return folder


def about(more: str) -> dict[str, str | None]:
    return {"case.yaml": f"format: 1\ntitle: t\n{more}\n"}


def test_the_case_that_the_others_change_is_right(tmp_path: Path) -> None:
    capture = read_case(case(tmp_path, {})).capture
    assert capture.answer == Response(200, "OK", body=Body(b"data: 1\n\n"))


@pytest.mark.parametrize(
    ("changes", "said"),
    (
        ({"case.yaml": None}, "case.yaml: this is missing, and no case is without one"),
        ({"client.request": None}, "client.request: this is missing"),
        ({"upstream.request": None}, "upstream.response: there is no upstream.request to which it belongs"),
        ({"upstream.response": None}, "upstream.sse: there is no upstream.response to which it belongs"),
        ({"upstream-3.request": "GET https://a/ HTTP/1.1"}, "upstream-2.request: this is missing"),
        ({"upstream-9.sse": ""}, "upstream-9.sse: there is no upstream-9.response"),
        ({"client.txt": "", "client.json": ""}, "client.json and client.txt are two bodies of one message"),
        (
            {"client.reqest": ""},
            "client.reqest: this is no file of a case; README.md is for remarks; did you mean 'client.request'?",
        ),
        ({"upstream-1.request": ""}, "upstream-1.request: this is no file of a case"),
        ({"upstream.xml": ""}, "upstream.xml: this is no file of a case"),
        ({"reply.http": ""}, "reply.http: this is no file of a case"),
        ({"client.request": ""}, "client.request:1: a request begins with METHOD URL HTTP/1.1"),
        ({"client.request": "POST /v1"}, "client.request:1: a request begins with"),
        ({"client.request": "\ufeffPOST /v1 HTTP/1.1"}, "client.request:1: a request begins with"),
        ({"client.request": "POST ws://a/v1 HTTP/1.1"}, "client.request:1: the URL of scheme ws needs a port"),
        ({"client.request": "POST /v1 HTTP/1.1\nA: b\nC d\n"}, "client.request:3: a line is missing its colon"),
        ({"client.request": "POST /v1 HTTP/1.1\nA: b\n\n{}"}, "client.request:3: an empty line; the body is a file"),
        ({"client.request": "POST /v1 HTTP/1.1\n: b\n"}, "client.request:2: a line is missing its colon"),
        ({"client.request": "POST /v1 HTTP/1.1\nA: b\r\n"}, "client.request:2: lines end with a line feed alone"),
        ({"upstream.response": "200 OK"}, "upstream.response:1: a response begins with a line such as HTTP/1.1 200 OK"),
        (
            {"upstream.request": "POST /v1/messages HTTP/1.1\n"},
            "upstream.request:1: a request that left names its host",
        ),
        ({"case.yaml": "title: t"}, "case.yaml:1: format: this is missing"),
        (
            {"case.yaml": "format: 2\nno: 1"},
            "case.yaml:1: format: this case has the format 2, and this Wiremend reads 1; a newer",
        ),
        (
            {"case.yaml": "format: 0"},
            "case.yaml:1: format: this case has the format 0, and this Wiremend reads 1; it is none",
        ),
        ({"case.yaml": "format: '1'"}, "case.yaml:1: format: this must be a whole number"),
        ({"case.yaml": "- format: 1"}, "case.yaml:1: this must be a mapping"),
        ({"case.yaml": "format: 1\n"}, "case.yaml:1: title: this is missing"),
        ({"case.yaml": "format: 1\ntitle: ''"}, "case.yaml:1: title: this is missing"),
        ({"case.yaml": "format: 1\ntitle:"}, "case.yaml:2: title: this must be a text"),
        (about("titel: t"), "case.yaml:3: there is no key 'titel'; did you mean 'title'?"),
        (about("inputs:\n  sed: t"), "case.yaml:4: inputs: there is no key 'sed'; did you mean 'seed'?"),
        (about("inputs: {style: both}"), "case.yaml:3: inputs.style: this is either gateway or proxy"),
        (about("inputs: {now: soon}"), "case.yaml:3: inputs.now: this must be a whole number"),
        (about("inputs: {now: true}"), "case.yaml:3: inputs.now: this must be a whole number"),
        (about("inputs: {environment: {A: [b]}}"), "case.yaml:3: inputs.environment.A: this must be a text"),
        (about("inputs: {environment: {A: }}"), "case.yaml:3: inputs.environment.A: this must be a text"),
        (about("inputs: {globs: {a: {b: yes}}}"), "case.yaml:3: inputs.globs.a.b: this must be true or false"),
        (about("date: soon"), "case.yaml:3: date: 'soon' is no date; write 2026-10-01"),
        (about("date: 2026-02-30"), "case.yaml:3: date: '2026-02-30' is no date"),
        (about("notes: [{what: a}]"), "case.yaml:3: notes[0]: a note has a kind, which is one of routed, edited"),
        (about("notes: {what: a}"), "case.yaml:3: notes: this must be a list"),
        (
            about("attempts: [{}, {error: a}]"),
            "case.yaml: attempts: of one that is told of, upstream-2.request is missing",
        ),
        (about("attempts:\n- decision: a"), "case.yaml:4: attempts[0].decision: this must be a mapping"),
        (
            about("attempts:\n- cuts: 3@1 5@2"),
            "case.yaml:4: attempts[0].cuts: the cuts add up to 8 bytes, and upstream.sse has 9",
        ),
        (about("attempts:\n- cuts: 3 5"), "case.yaml:4: attempts[0].cuts: '3' is no cut"),
        (about("attempts:\n- body: {}"), "case.yaml:4: attempts[0].body: this must be a text"),
        (about("attempts:\n- body: all"), "case.yaml:4: attempts[0].body: this can be none only"),
        (
            about("answer:\n  cuts: 3@1"),
            "case.yaml:4: answer.cuts: the cuts add up to 3 bytes, and the body of client.response",
        ),
        (about("answer:\n  at: 1"), "case.yaml:4: answer: there is no key 'at'; known: body, cuts"),
        (
            about("provider: a\nattempts: [{decision: {provider: b}}]"),
            "case.yaml:3: provider: this is the last attempt's",
        ),
        (about("expect: {url: [a]}"), "case.yaml:3: expect.url: this must be a text"),
        (about("expect: {ulr: a}"), "case.yaml:3: expect: there is no key 'ulr'; did you mean 'url'?"),
        (
            about("attempts: [{body: none}]") | {"upstream.request.txt": "a"},
            "upstream.request.txt: case.yaml says that there is no such body",
        ),
        (
            about("answer: {cuts: 1@1}") | {"client.response": None},
            "case.yaml:3: answer.cuts: there is no client.response",
        ),
        ({"frames.yaml": "- from: client"}, "frames.yaml:1: [0]: a frame has from, and one of text, binary"),
        ({"frames.yaml": "- {from: me, text: a}"}, "frames.yaml:1: [0].from: a frame is from client or from upstream"),
        ({"frames.yaml": "- {from: client, binary: a}"}, "frames.yaml:1: [0].binary: this is not base64"),
        ({"frames.yaml": "- {from: client, text: a, binary: a}"}, "frames.yaml:1: [0]: a frame has from, and one of"),
        (
            {"frames.yaml": "- {from: client, text: !escaped '\\ud83d'}"},
            "frames.yaml:1: [0].text: this text has no bytes",
        ),
    ),
    ids=lambda value: value[:60] if isinstance(value, str) else "",
)
def test_a_case_that_is_wrong(tmp_path: Path, changes: dict[str, str | None], said: str) -> None:
    folder = case(tmp_path, changes)
    with pytest.raises(CaptureError) as caught:
        read_case(folder)
    assert str(caught.value).startswith(str(folder))
    assert said in str(caught.value)


def test_where_a_case_lies(tmp_path: Path) -> None:
    folder = case(tmp_path, {})
    strange = folder.parent.with_name("mesages")
    folder.parent.rename(strange)
    with pytest.raises(CaptureError, match=r"'mesages' is no wire; did you mean 'messages'\?"):
        read_case(strange / "a")
    with pytest.raises(CaptureError, match="this is no folder that can be read"):
        read_case(tmp_path / "captures" / "chat" / "nothing")


def test_files_of_editors_and_systems_are_passed_over(tmp_path: Path) -> None:
    folder = case(tmp_path, {".DS_Store": "x", "case.yaml~": "x", ".client.request.swp": "x", "README.md": "hm"})
    assert read_case(folder).title == "t"


@pytest.mark.parametrize("name", ("A", "a b", "-a", ".a", "a/b", "ä", "a\n", ""))
def test_a_name_that_is_none(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "captures" / "messages" / name
    with pytest.raises(CaptureError, match=r"cannot be the name of a case; use small letters|is no wire"):
        write_case(folder, CAPTURE, title="t")
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    (
        ({"wire": "chat"}, "this is a case of the wire chat"),
        ({"wire": None}, "this is a case of the wire other"),
        ({"began": float("nan")}, "nan is no time"),
        ({"began": -1.0}, "-1.0 is no time"),
        ({"began": 1e18}, "is no time"),
        ({"request": replace(REQUEST, method="A B")}, "client.request: this request does not fit into a line"),
        ({"request": replace(REQUEST, target="https://a/")}, "client.request: this request does not fit into a line"),
        ({"request": replace(REQUEST, host="a b/")}, "client.request: this request does not fit into a line"),
        ({"request": replace(REQUEST, target="/\n")}, "client.request: there is a line end in its first line"),
        ({"request": replace(REQUEST, version="")}, "client.request: this request does not fit into a line"),
        ({"request": replace(REQUEST, headers=Headers((("A", "FAKE\r"),)))}, "there is a line end in the header 'A'"),
        ({"request": replace(REQUEST, headers=Headers((("A", "FAKE\n"),)))}, "there is a line end in the header 'A'"),
        ({"request": replace(REQUEST, headers=Headers((("A\n", "FAKE"),)))}, "there is a line end in the header"),
        ({"request": replace(REQUEST, headers=Headers((("", "FAKE"),)))}, "'' cannot be the name of a header"),
        ({"request": replace(REQUEST, headers=Headers((("A:b", "FAKE"),)))}, "'A:b' cannot be the name of a header"),
        (
            {"request": replace(REQUEST, headers=Headers((("A", "FAKE\ud83d"),)))},
            "it holds characters that have no bytes",
        ),
        ({"request": replace(REQUEST, headers=Headers((("A", "\udcc3\udca9"),)))}, "does not fit"),  # bytes of an é
        ({"attempts": (Attempt(REQUEST),)}, "the request of upstream names no host"),
        ({"answer": Response(-1)}, "client.response: this response does not fit into a line"),
        ({"answer": Response(200, "a\nb")}, "client.response: there is a line end in its first line"),
        ({"answer": Response(200, body=Body(b"ab", ((1, 0),)))}, "the cuts of a body do not add up to its 2 bytes"),
        ({"answer": Response(200, body=Body(b"", ((-1, 0), (1, 0))))}, "or one is negative"),
    ),
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_capture_that_cannot_be_a_case(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(CaptureError) as caught:
        write_case(tmp_path / "captures" / "messages" / "a", replace(CAPTURE, **changes), title="t")
    assert said in str(caught.value)
    assert "FAKE" not in str(caught.value)
    assert list(tmp_path.rglob("*")) == []


def test_what_people_say_is_judged_before_anything_is_written(tmp_path: Path) -> None:
    folder = tmp_path / "captures" / "messages" / "a"
    with pytest.raises(CaptureError, match="title: this is missing; say in a line"):
        write_case(folder, CAPTURE, title="")
    with pytest.raises(CaptureError, match="no key 'show'; did you mean 'shows'"):
        write_case(folder, CAPTURE, title="t", about={"show": ["a"]})
    with pytest.raises(CaptureError, match=r"a/case\.yaml:4: expect\.url: this must be a text"):
        write_case(folder, CAPTURE, title="t", about={"expect": {"url": ["x"]}})
    assert list(tmp_path.rglob("*")) == []


def test_nothing_is_overwritten_by_mistake(tmp_path: Path) -> None:
    folder = tmp_path / "captures" / "messages" / "a"
    write_case(folder, CAPTURE, title="first", rules="default: a\n")
    (folder / "README.md").write_text("mine")
    (folder / "client.response").write_text("HTTP/1.1 500\n")
    (folder / ".hidden").write_text("mine too")
    with pytest.raises(CaptureError, match="this case is there already; choose another name"):
        write_case(folder, CAPTURE, title="second")
    assert read_case(folder).title == "first"
    write_case(folder, CAPTURE, title="second", overwrite=True)
    assert {path.name for path in folder.iterdir()} == {
        *("case.yaml", "client.request", "rules.yaml", "README.md", ".hidden"),
    }
    assert (folder / "rules.yaml").read_text() == "default: a\n"
    write_case(folder, CAPTURE, title="third", overwrite=True, rules="default: b\n")
    assert (folder / "rules.yaml").read_text() == "default: b\n"
    assert [path.name for path in folder.parent.iterdir()] == ["a"]
    stranger = folder.with_name("b")
    stranger.mkdir()
    (stranger / "thesis.doc").write_text("x")
    with pytest.raises(CaptureError, match="this is no case, and is not overwritten"):
        write_case(stranger, CAPTURE, title="t", overwrite=True)
    assert (stranger / "thesis.doc").exists()


def test_a_disk_that_fails_leaves_the_old_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "captures" / "messages" / "a"
    write_case(folder, CAPTURE, title="first")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    for broken in ("write_bytes", "rename"):

        def full(path: Path, *_: object, broken: str = broken) -> None:
            if broken == "write_bytes" or path.name.endswith(".new"):
                raise OSError(28, "No space left on device")
            path.replace(*_)  # type: ignore[arg-type]  # where to

        monkeypatch.setattr(f"pathlib.Path.{broken}", full)
        with pytest.raises(CaptureError, match="the case cannot be written: No space left"):
            write_case(folder, CAPTURE, title="second", overwrite=True)
        monkeypatch.undo()
        assert {path: path.read_bytes() for path in folder.iterdir()} == before
        assert [path.name for path in folder.parent.iterdir()] == ["a"]


def test_cases_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    captures = tmp_path / "captures"
    cases = [captures / "chat" / "b", captures / "messages" / "a", captures / "other" / "c"]
    for folder in (
        *cases,
        tmp_path / "captures" / ".git" / "chat" / "x",
        captures / "chat" / "node_modules" / "chat" / "y",
    ):
        folder.mkdir(parents=True)
        (folder / "case.yaml").write_text("title: t\n")
    for folder, text in (
        (captures / "mesages" / "d", "title: t\nformat: 1\n"),
        (captures / "court" / "e", "judge: x\n"),
    ):
        folder.mkdir(parents=True)
        (folder / "case.yaml").write_text(text)
    (tmp_path / "src" / "chat" / "z").mkdir(parents=True)
    (tmp_path / "src" / "chat" / "z" / "case.yaml").write_text("title: t\n")
    found = [cases[0], captures / "mesages" / "d", *cases[1:]]  # a wire that is misspelled is told of on reading
    assert find_cases(captures) == found
    assert find_cases(tmp_path) == found  # a repository: its captures/
    assert find_cases(captures / "chat") == [cases[0]]
    assert find_cases(cases[0]) == find_cases(cases[0] / "case.yaml") == [cases[0]]
    monkeypatch.chdir(cases[0])
    assert find_cases(type(tmp_path)()) == [type(tmp_path)()]


def test_cases_are_looked_for_where_there_is_something(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="nowhere: there is no such folder"):
        find_cases(tmp_path / "nowhere")
    assert find_cases(tmp_path) == []
