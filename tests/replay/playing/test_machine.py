"""Texts of two days and two machines are one; texts that say something else are not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiremend.replay.playing.machine import Machine, is_moment

STATUS = "gitStatus: This is the status."


def without(text: str) -> str:
    return Machine([text]).without(text)


@pytest.mark.parametrize(
    ("here", "there"),
    (
        ("Today's date is 2026-11-22.", "Today's date is 2025-01-03."),
        ("at 2026-11-22T04:31:31.123Z it", "at 2026-11-21 02:31:31+01:00 it"),
        ("Sun Nov 22 04:31:31 +14 2026", "Sat Nov 21 02:31:33 -12 2026"),  # date
        ("Sun Nov 22 04:31:31 UTC 2026\n", "Mon Jan  5 14:01:02 CEST 2025\n"),
        ("Sun, 22 Nov 2026 04:31:31 GMT", "Mon, 5 Jan 2025 11:00:00 GMT"),  # RFC 9110
        ("4096 Nov 22 04:31 .git", "4096 Jan  3 23:59 .git"),  # ls -l
        ("4096 Nov 22  2025 a.txt", "4096 Jan  3  2024 a.txt"),  # ls -l, of what is old
        ("It is November 22, 2026 now", "It is May 3, 2025 now"),
        ("due 11/22/2026", "due 1/2/2025"),
        ("at 04:31 PM", "at 11:02 AM"),
        ("succeeded in 0ms:", "succeeded in 12ms:"),
        ("took 0.31 seconds", "took 12.5 seconds"),
        ("stamp 1795271492.601", "stamp 1690000000"),
        ("id 392a0d73-d875-521c-8191-290f1fae8fd1", "id 9726ace1-1867-53b1-9122-af189d48cbb7"),
        ("msg_392a0d73-d875-521c-8191-290f1fae8fd1", "msg_9726ace1-1867-53b1-9122-af189d48cbb7"),
        ("commit 56fa8f765d66c20762ffbd21db1b0b41157eee58", "commit 615662c3f6121219e9fc4d7d4ff6a8644f7d830a"),
        ("see /tmp/alphar2_o0kl4/x.py", "see /var/folders/3k/9xq/T/pytest-7/x.py"),
        ("in /home/ada/notes.md", "in /Users/grace/notes.md"),
        ("in /root/notes.md", "in C:\\Users\\grace/notes.md"),
        ("mail ada@example.com", "mail grace.h+x@mail.example.org"),
        ("Working directory: /work/a\nls /work/a/x", "Working directory: /srv/b-2\nls /srv/b-2/x"),
        ("<cwd>/tmp/q/p</cwd> /tmp/q/p/src", "<cwd>/home/u/p</cwd> /home/u/p/src"),
        ("`/opt/h1/.claude/settings.json`, /opt/h1/x", "`/srv/h2/.claude/settings.json`, /srv/h2/x"),
        (
            "`/h/u/.claude/projects/-tmp-alpha-p/memory/`",
            "`/k/v/.claude/projects/-tmp-betabeta--p/memory/`",
        ),
        (
            " - Platform: linux\n - OS Version: Linux 6.1\n - Shell: zsh",
            " - Platform: darwin\n - OS Version: D\n - Shell: x",
        ),
        (
            "x-anthropic-billing-header: cc_version=2.1.197.9aa; a=b;",
            "x-anthropic-billing-header: cc_version=2.2.0.0; a=c;",
        ),
        (
            "<environment_context>\n  <cwd>/a/b</cwd>\n  <shell>bash</shell>\n</environment_context>!",
            "<environment_context>\n  <cwd>/c</cwd>\n  <timezone>X</timezone>\n</environment_context>!",
        ),
        (
            "Chunk ID: d3658e\nWall time: 0.0001 seconds\nOriginal token count: 78\n",
            "Chunk ID: 52b98a\nWall time: 3 seconds\nOriginal token count: 80\n",
        ),
        (
            f"Be brief.\n\n{STATUS}\n\nCurrent branch: main\n\nStatus:\n?? a\n\nRecent commits:\naaeae20 a\nbbeae20 b",
            f"Be brief.\n\n{STATUS}\n\nCurrent branch: x\n\nStatus:\n(clean)\n\nRecent commits:\nffeae20 other",
        ),
    ),
)
def test_what_is_of_the_day_and_the_machine_does_not_count(here: str, there: str) -> None:
    assert without(here) == without(there)


@pytest.mark.parametrize(
    ("here", "there"),
    (
        ("say one", "say two"),
        ("version 2.1.197", "version 2.1.198"),
        ("line 12 of a.py", "line 13 of a.py"),
        ("a.py:12:34", "a.py:12:35"),
        ("wait 5 seconds", "wait 10 seconds"),
        ("/etc/hosts", "/etc/passwd"),
        ("see /tmp/q/a.txt", "see /tmp/q/b.txt"),
        ("/home/u/a.txt", "/home/u/b.txt"),
        ("cafe", "face"),
        ("deadbeef", "cafebabe"),  # eight digits are a colour with alpha as well
        ("1/2", "1/3"),
        ("May 3 apples", "May 4 apples"),
        ("port 8080", "port 8081"),
        ("Working directory: /work/a\ncat x", "Working directory: /work/a\ncat y"),
        (
            "Be brief.\n\ngitStatus: x\nRecent commits:\naa\n\nSay one.",
            "Be brief.\n\ngitStatus: x\nRecent commits:\naa\n\nSay two.",
        ),
        ("<environment_context></environment_context>one", "<environment_context></environment_context>two"),
    ),
)
def test_all_else_counts(here: str, there: str) -> None:
    assert without(here) != without(there)


def test_a_git_status_may_be_missing() -> None:
    status = "Be brief.\n\ngitStatus: This is the git status.\n\nStatus:\n?? a\n\nRecent commits:\naaeae20 first"
    assert without(status).rstrip() == without("Be brief.").rstrip()


def test_a_folder_is_learned_from_one_text_and_replaced_in_another() -> None:
    said, ran = "Primary working directory: /srv/app", "/srv/app\n/srv/app/x /srv/apple /srv/app-2"
    assert Machine([said, ran]).without(ran) == "<cwd>\n<cwd>/x /srv/apple /srv/app-2"


def test_the_root_of_the_disk_is_no_folder_to_be_replaced() -> None:
    said = "Working directory: /"
    assert Machine([said]).without("/etc/hosts") == "/etc/hosts"


@given(st.text(st.sampled_from("0123456789abcdef-/:. @TZtmpJan\n<>_cwdhoe"), max_size=300))
def test_any_text_has_a_form_that_is_the_same_each_time(text: str) -> None:
    assert without(text) == without(text)


@pytest.mark.parametrize("filler", ("a", "a@", " /tmp/", "1", "f0", "gitStatus: \n", "<cwd>/", "/.claude/", "Nov 1"))
def test_a_long_text_takes_linear_steps(filler: str) -> None:
    """A pattern that goes back over a long text again and again would not end within the suite's limit."""
    assert without(filler * (1_000_000 // len(filler))) is not None


@pytest.mark.parametrize(("number", "is_one"), ((1795271492.6, True), (1795271492544, True), (8192, False), (0, False)))
def test_moments(number: float, is_one: bool) -> None:  # noqa: FBT001 - a column of the table
    assert is_moment(number) is is_one
