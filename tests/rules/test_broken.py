"""Broken rules files, one for each kind of error, through ``wiremend check`` as people run it.

``tests/broken/NAME.yaml`` is broken, ``NAME.expected`` beside it holds the lines that tell so, in full. A new kind of
error is a new pair; nothing here names them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.rules.kit import problems, warnings
from wiremend.cli.main import cli
from wiremend.rules.lookup import shipped

BROKEN = Path(__file__).parents[1] / "broken"
CASES = sorted(BROKEN.glob("*.yaml"))
ENVIRONMENT = {"PATH": os.environ.get("PATH", ""), "HOME": "/nonexistent"}


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in the folder of the files, with no variable that a rules file may refer to."""
    for name in os.environ:
        monkeypatch.delenv(name)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(BROKEN)


def expected(case: Path) -> str:
    return case.with_suffix(".expected").read_text("utf-8")


def test_each_file_has_its_expected_lines() -> None:
    assert {case.stem for case in CASES} == {path.stem for path in BROKEN.glob("*.expected")}
    assert len(CASES) > 20


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_check_tells_every_problem_of_a_file(case: Path) -> None:
    result = CliRunner().invoke(cli, ["check", case.name])
    errors = sum("warning:" not in line for line in expected(case).splitlines())
    assert result.stdout == expected(case)
    assert result.stderr.strip() == f"{errors} error{'' if errors == 1 else 's'}; the file is not taken"
    assert result.exit_code == 1


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_each_line_names_a_place_that_is_there(case: Path) -> None:
    lines = [*case.read_text("utf-8").splitlines(), ""]
    for told in expected(case).splitlines():
        name, line, column, message = told.split(":", 3)
        assert name == case.name
        assert message.strip()
        assert 1 <= int(column) <= len(lines[int(line) - 1]) + 1


def test_check_is_the_same_as_a_program_of_its_own() -> None:
    case = BROKEN / "many-at-once.yaml"
    addons = str(Path(__file__).parents[2] / "addons")
    done = subprocess.run(
        [sys.executable, "-c", "from wiremend.cli import main; main()", "check", case.name],
        cwd=BROKEN,
        env={**ENVIRONMENT, "PYTHONPATH": addons},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, expected(case))


def test_a_file_that_is_not_there_is_named() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from wiremend.cli import main; main()", "check", "nowhere.yaml"],
        cwd=BROKEN,
        env={**ENVIRONMENT, "PYTHONPATH": str(Path(__file__).parents[2] / "addons")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "nowhere.yaml does not exist" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_is_not_utf_8_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_bytes(b"version: 1\n# caf\xe9\n")
    result = CliRunner().invoke(cli, ["check", str(path)])
    assert result.exit_code == 1
    assert result.stdout == f"{path}:1:1: the file is not UTF-8 text: byte 16 is 0xe9\n"


@pytest.mark.parametrize("start", (b"", b"\xef\xbb\xbf"))
def test_the_smallest_file_is_sound(start: bytes, tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_bytes(start + b"version: 1\n")
    result = CliRunner().invoke(cli, ["check", str(path)])
    assert result.exit_code == 0, result.output
    assert str(path) in result.stdout


def test_the_shipped_file_is_sound_and_summed_up() -> None:
    result = CliRunner().invoke(cli, ["check", str(shipped())])
    assert result.exit_code == 0, result.output
    assert "warning" not in result.output
    assert "sk-kimi-*" in result.stdout
    assert "https://api.kimi.com/coding/v1" in result.stdout


# --- near misses: what is sound, though a file above is broken for something like it ----------------------------------


@pytest.mark.parametrize(
    "text",
    (
        "routes: []",
        "edits: []\nexpect: []",
        "providers: {local: {models: {}}}",
        "providers: {local: {headers: {X-Trace: null, X-Number: 5, X-Text: 'true', anthropic-beta: [{drop: a*}]}}}",
        "providers: {w: {base_url: 'http://127.0.0.1:9', auth: none, speaks: messages}}",
        "providers: {w: {base_url: {messages: 'http://127.0.0.1:9'}, auth: {messages: none}}}",
        "providers: {openai: {headers: {Authorization: 'Bearer $A_TOKEN'}}}",
        "providers: {w: {base_url: 'http://127.0.0.1:$PORT/v1', auth: none}}",
        "providers: {w: {base_url: 'http://127.0.0.1:${PORT}/v1', auth: none}}",
        "providers: {w: {base_url: 'http://${HOST}:${PORT:-8000}/v1', auth: none}}",
        "aliases: {small: {to: local/x, keep_name: true}, tiny: small}",
        "routes: [{when: {}, to: local}]",
        "routes: [{when: {key: null}, to: local}, {when: {key: [sk-*, null], agent: null, model: null}, to: local}]",
        "routes: [{when: {body: {/n: 5, /t: true, /x: null, /m: [a*, 7]}}, to: local}]",
        "routes: [{to: [local]}]",
        "routes: [{to: openrouter/moonshotai/kimi-k2.6}]",
        "default: local/x",
        "edits: [{set: {/a: {b: [1, 2.5, null, 'x']}}, remove: /c, default: {/d: off}}]",
        "edits: [{remove: [/messages/*/content/*/cache_control]}]",
        "mend: off\nlisten: {port: 1, intercept: all}",
        "listen: {port: $PORT, host: localhost, intercept: ['*.example.com']}",
        "agent_header: X-Team",
    ),
)
def test_a_near_miss_is_sound(text: str) -> None:
    assert problems(text, {"PORT": "9000", "HOST": "127.0.0.1", "A_TOKEN": "FAKE", "OPENROUTER_API_KEY": "FAKE"}) == []


# --- warnings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "told"),
    (
        ("routes:\n- to: local\n- {when: {model: x}, to: ollama}", 3, "can never match"),
        (
            "routes:\n- {when: {model: kimi-*}, to: local}\n- {when: {model: [kimi-k2*, KIMI-K3]}, to: ollama}",
            3,
            "never",
        ),
        ("routes:\n- {when: {model: a}, to: local}\n- {when: {model: a, host: h}, to: ollama}", 3, "never"),
        ("routes:\n- {when: {model: [b, A]}, to: local}\n- {when: {model: [a]}, to: ollama}", 3, "never"),
        ("routes:\n- {when: {model: [a, null]}, to: local}\n- {when: {model: a}, to: ollama}", 3, "never"),
        ("routes:\n- {when: {model: '[[]x'}, to: local}\n- {when: {model: '[[]X'}, to: ollama}", 3, "never"),
        ("routes:\n- {when: {key: [sk-*, null]}, to: local}\n- {when: {key: null}, to: ollama}", 3, "never"),
        ("routes:\n- {when: {host: [h, null]}, to: local}\n- {when: {host: null}, to: ollama}", 3, "never"),
        ("routes:\n- {when: {wire: [chat, messages]}, to: local}\n- {when: {wire: chat}, to: ollama}", 3, "never"),
        ("routes:\n- {when: {stream: true}, to: local}\n- {when: {stream: true}, to: ollama}", 3, "never"),
        ("routes:\n- {when: {header: {X-A: b*}}, to: local}\n- {when: {header: {x-a: bc}}, to: ollama}", 3, "never"),
        ("routes:\n- {when: {body: {/a: b*}}, to: local}\n- {when: {body: {/a: bc, /d: e}}, to: ollama}", 3, "never"),
        ("edits:\n- set: {/t: 1}\n- set: {/t: 2}", 3, "/t"),
        ("edits:\n- {when: {model: k*}, set: {/t: 1}}\n- {when: {model: '*2'}, remove: /t}", 3, "/t"),
        ("edits:\n- {when: {model: k2}, set: {/t: 1}}\n- {when: {provider: local}, set: {/t: 2}}", 3, "/t"),
        ("edits:\n- headers: {X-A: b}\n- headers: {x-a: null}", 3, "x-a"),
    ),
)
def test_what_is_legal_but_surely_not_meant_is_warned_of(text: str, line: int, told: str) -> None:
    (warning,) = warnings(text)
    assert warning.startswith(f"rules.yaml:{line}:")
    assert "warning: " in warning
    assert told in warning
    assert "line 2" in warning


@pytest.mark.parametrize(
    "text",
    (
        "routes:\n- {when: {model: kimi-k2*}, to: local}\n- {when: {model: kimi-*}, to: ollama}",
        "routes:\n- {when: {model: [a, b]}, to: local}\n- {when: {model: [b, c]}, to: ollama}",
        "routes:\n- {when: {model: a}, to: local}\n- {when: {model: [a, null]}, to: ollama}",
        "routes:\n- {when: {model: '*'}, to: local}\n- {to: ollama}",  # a request may name no model
        "routes:\n- {when: {key: sk-*}, to: local}\n- {when: {key: [sk-kimi-*, null]}, to: ollama}",
        "routes:\n- {when: {model: a, host: h}, to: local}\n- {when: {model: a}, to: ollama}",
        "routes:\n- {when: {stream: true}, to: local}\n- {when: {model: a}, to: ollama}",
        "routes:\n- {when: {wire: chat}, to: local}\n- {when: {wire: [chat, messages]}, to: ollama}",
        "routes:\n- {when: {header: {x-a: b}}, to: local}\n- {when: {header: {x-c: b}}, to: ollama}",
        "edits:\n- set: {/t: 1}\n- set: {/u: 2}",
        "edits:\n- set: {/t: 1}\n- set: {/t: 1}",
        "edits:\n- {when: {model: a*}, set: {/t: 1}}\n- {when: {model: b*}, set: {/t: 2}}",
        "edits:\n- {when: {provider: local}, set: {/t: 1}}\n- {when: {provider: ollama}, set: {/t: 2}}",
        "edits:\n- {when: {wire: chat}, set: {/t: 1}}\n- {when: {wire: messages}, set: {/t: 2}}",
        "edits:\n- {when: {stream: true}, set: {/t: 1}}\n- {when: {stream: false}, set: {/t: 2}}",
        "edits:\n- {when: {key: null}, set: {/t: 1}}\n- {when: {key: sk-*}, set: {/t: 2}}",
        "edits:\n- {when: {body: {/a: x}}, set: {/t: 1}}\n- {when: {body: {/a: y}}, set: {/t: 2}}",
        "edits:\n- headers: {anthropic-beta: [{drop: a}]}\n- headers: {anthropic-beta: [{drop: b}]}",
    ),
)
def test_near_misses_are_not_warned_of(text: str) -> None:
    assert warnings(text) == []


@pytest.mark.parametrize(
    ("first", "second", "wins"),
    (
        ("set: {/t: 1}", "set: {/t: 2}", "later"),
        ("default: {/t: 1}", "set: {/t: 2}", "later"),
        ("default: {/t: 1}", "default: {/t: 2}", "earlier"),
        ("set: {/t: 1}", "default: {/t: 2}", "earlier"),
    ),
)
def test_the_warning_says_which_edit_wins(first: str, second: str, wins: str) -> None:
    """``default`` fills only what is absent, so behind an edit that wrote there it does nothing."""
    (warning,) = warnings(f"edits:\n- {first}\n- {second}")
    assert f"the {wins} one wins" in warning


def test_a_provider_without_a_key_is_warned_of() -> None:
    (warning,) = warnings("providers:\n  w: {base_url: https://llm.work.example/v1}\ndefault: w\n")
    assert warning.startswith("rules.yaml:2:")
    assert "'w'" in warning
    assert "auth: none" in warning
