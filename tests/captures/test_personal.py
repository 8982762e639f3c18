"""Names of a person and a machine are replaced by stand-ins that stay the same, and what to read first is listed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiremend.captures.capture import Attempt, Body, Capture, Inputs, Request, Response
from wiremend.captures.findings import findings
from wiremend.captures.personal import Personal, ToRead, to_read
from wiremend.headers import Headers
from wiremend.notes import Note

ANNA = Personal("/home/annabella", "annabella", "tower7.lan", ["anna@private.test"])
WINDOWS = Personal("C:\\Users\\Annabella", "Annabella", "TOWER7")


@pytest.mark.parametrize(
    ("before", "after"),
    (
        ("/home/annabella/src/x.py", "/home/user/src/x.py"),
        ("cd /home/annabella", "cd /home/user"),
        (r'"a\n/home/annabella\n"', r'"a\n/home/user\n"'),
        (r"\/home\/annabella\/x", r"/home/user\/x"),
        ("file:%2Fhome%2Fannabella%2Fx", "file:%2Fhome%2Fuser%2Fx"),
        ("~/.claude/projects/-home-annabella-src", "~/.claude/projects/-home-user-src"),
        ("drwx annabella annabella", "drwx user user"),
        (r"by\nannabella\n", r"by\nuser\n"),
        ("annabella@tower7:~$", "user@host:~$"),
        ("tower7.lan and tower7", "host and host"),
        ("write to bea@corp.test, anna@private.test", "write to person2@example.com, person1@example.com"),
        ("BEA@corp.test bea@corp.test cy@corp.test", "person2@example.com person2@example.com person3@example.com"),
        ("to=bea%40corp.test", "to=person2%40example.com"),
        (r"\nbea@corp.test", r"\nperson2@example.com"),
    ),
)
def test_stand_ins(before: str, after: str) -> None:
    assert ANNA.text(before) == after
    assert ANNA.text(after) == after


@pytest.mark.parametrize(
    "text",
    (
        "/home/annabellas/x",
        "annabellas",
        "xannabella",
        "a@example.com b@example.org c@sub.example.net",
        "noreply@anthropic.com no-reply@x.test git@github.com",
        "react@18.2.0 @types/node a @ b",
        r"class A:\n    @property.setter\n    @app.route",
        "towers7",
    ),
)
def test_what_is_nobodys_stays(text: str) -> None:
    assert ANNA.text(text) == text


@pytest.mark.parametrize("name", ("root", "user", "admin", "ubuntu", "runner", "bob", ""))
def test_common_and_short_names_stay(name: str) -> None:
    assert Personal("", name, name).text(f"the {name} of it") == f"the {name} of it"


def test_windows_in_json_at_two_depths() -> None:
    text = json.dumps({"a": json.dumps({"p": "C:\\Users\\Annabella\\x"}), "b": "C:/Users/Annabella/y"})
    got = json.loads(WINDOWS.text(text))
    assert json.loads(got["a"]) == {"p": "/home/user\\x"}
    assert got["b"] == "/home/user/y"


def whole(text: str) -> Capture:
    data = json.dumps({"x": text}).encode()
    ask = Request("POST", "https", "h", 1, "/", Headers((("x-a", text), ("content-length", str(len(data))))), data)
    answer = Response(200, "", Headers(), Body.of([data[:9], data[9:]], [1, 2]))
    inputs = Inputs(memory={"k": text}, environment={"E": text})
    notes = (Note("seen", "", "s", text),)
    return Capture(
        "c", 1.0, ask, attempts=(Attempt(ask, answer, error=text),), answer=answer, notes=notes, inputs=inputs
    )


def test_everywhere_in_a_capture() -> None:
    after = ANNA.capture(whole("/home/annabella bea@corp.test tower7"))
    assert "annabella" not in repr(after) + repr(after.request.headers.fields)
    assert "tower7" not in repr(after) + repr(after.request.headers.fields)
    assert "corp.test" not in repr(after) + repr(after.request.headers.fields)
    assert after.request.headers.get("content-length") == str(len(after.request.body))
    assert after.answer is not None
    assert b"".join(after.answer.body.chunks) == after.answer.body.data
    assert after.notes[0].what == "/home/user person2@example.com host"
    assert findings(after, keep={"x-a"}) == []
    assert ANNA.capture(after) is after


def test_a_capture_of_nobody_is_the_very_object() -> None:
    one = whole("nothing of note")
    assert ANNA.capture(one) is one


def test_this_machine() -> None:
    here = Personal.here()
    assert here.home
    assert here.host


@given(st.text('/home.anbel@C:\\Users %40-_\n"', max_size=60))
def test_twice_is_once(text: str) -> None:
    for person in (ANNA, WINDOWS):
        once = person.capture(whole(text))
        assert person.capture(once) == once


def reads(body: dict[str, Any], answer: bytes = b"") -> list[ToRead]:
    ask = Request("POST", "https", "h", 1, "/", Headers(), json.dumps(body).encode())
    return to_read(Capture("c", 1.0, ask, answer=Response(200, "", Headers(), Body(answer))))


def test_what_to_read_of_messages() -> None:
    image = {"type": "image", "source": {"data": "x" * 5000}}
    result = {
        "type": "tool_result",
        "tool_use_id": "t",
        "content": "/home/user/a http://build.internal:80/x http://x.com/",
    }
    body = {"system": "You are.", "messages": [{"role": "user", "content": [image, result]}]}
    found = {one.where: one.what for one in reads(body, b"data: words\n\n")}
    assert found["client request body /system"] == "system prompt, 10 bytes"
    assert found["client request body /messages/0/content/0"] == "image, 5.0 KB"
    assert found["client request body /messages/0/content/1"].startswith("tool result, ")
    assert found["client answer body"] == "13 bytes"
    every = [one.what for one in reads(body)]
    assert "1 file paths, such as /home/user/a" in every
    assert [what for what in every if "private host" in what] == ["a URL of a private host: build.internal"]


def test_what_to_read_of_other_wires_and_odd_bodies() -> None:
    items = [{"type": "function_call_output", "output": "x"}, {"role": "tool", "content": "y"}, "odd", None]
    found = [one.what for one in reads({"instructions": "Be.", "input": items})]
    assert [what.partition(",")[0] for what in found] == ["system prompt", "tool result", "tool result"]
    assert reads({"input": "hello"})[0].what == "prompt, 5 bytes"
    assert len(reads({"messages": [{"role": "user", "content": "x"}] * 100})) == 41
