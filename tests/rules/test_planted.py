"""A literal credential anywhere in rules.yaml: refused, and its characters are nowhere in what we say (G8).

The file below has a value of every kind in every place. The tests walk over it, plant a fake key in one place after
the other (as the whole of a text, inside one, as a key of a mapping, in YAML's own notation), run ``wiremend check``
and search all of its output.
"""

from __future__ import annotations

import copy
import itertools
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from click.testing import CliRunner

from tests.rules.kit import KIMI, problems
from wiremend.cli.main import cli
from wiremend.errors import RulesError
from wiremend.families import FAMILIES
from wiremend.rules.load import load_rules
from wiremend.rules.schema import CAPTURE, EDIT, LISTEN, PROVIDER, REPLAY, ROOT, ROUTE
from wiremend.rules.schema_expect import EXPECT
from wiremend.rules.schema_keeps import ALERTS_MAP, COOLDOWN, LIMITS, RETRY
from wiremend.rules.schema_preferences import CHOICE, PREFERENCES_MAP

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

type Path_ = tuple[str | int, ...]

FULL = """
version: 1
providers:
  work:
    base_url: {messages: https://llm.work.example/anthropic, chat: $WORK_URL}
    speaks: [messages, chat]
    key: [client, $WORK_KEY]
    auth: {messages: x-api-key, chat: bearer}
    headers: {X-Team: blue, X-Trace: $TRACE, X-Gone: null, anthropic-beta: [{drop: context-*}]}
    models:
      big-model: {context_window: 1000, max_output: 500, display_name: Big, price: {input: 2, cached: 1, output: 3.5}}
    quirks: auto
    websocket: false
    limits: {first_byte: 5m, concurrent: 4}
  home: {base_url: http://127.0.0.1:9999/v1, speaks: chat, auth: none}
aliases:
  small: {to: work/big-model, keep_name: true}
  tiny: small
routes:
  - name: the work
    when:
      client: claude-code
      key: [sk-kimi-*, null]
      model: [big-*, null]
      host: llm.work.example
      path: /v1/*
      wire: [messages]
      agent: [planner, null]
      header: {x-team: [blue, red]}
      body: {/metadata/user: [a*, 5, true]}
      stream: true
    to: work/big-model
    via: messages
  - when: {model: home-*}
    to: [home, work/small-model]
    retry: {times: 2, 'on': [429, 5xx, stall], backoff: 1s, max: 10s, budget: 1m, stay: 5m}
  - {when: {model: house-*}, to: home, retry: 3}
preferences:
  router: home/chooser
  timeout: 2s
  stay: 1h
  for: auto
  choices:
    - name: proofs
      description: proving theorems
      models: [work/big-model, home/other]
      prefer: none
      examples: [prove that there are many primes]
      retry: 2
    - {name: poems, description: writing verse, models: tiny}
default: home/any
edits:
  - name: an edit
    when: {provider: work, model: big-*}
    default: {/temperature: 0.6, /tool: {a: [x, y]}}
    set: {/top_p: 1, /user: someone}
    scale: {/top_k: 1.5, /max_tokens: 1/2}
    clamp: {/top_k: [1, 50], /seed: [null, 7]}
    remove: [/n, /messages/*/name]
    headers: {X-Edit: text}
expect:
  - given:
      client: codex
      key: sk-kimi-
      model: home-1
      host: api.other.example
      path: /v1/chat/completions
      wire: chat
      agent: a
      header: {x-a: b}
      body: {/a: b}
      stream: false
    to: home/home-1
    by: [route, default]
    url: "*/v1/chat/completions"
listen: {port: $PORT, host: 127.0.0.1, token: $TOKEN, without_token: refuse, intercept: ['*.example.org']}
capture:
  keep: 7d
  max_size: 2GB
  dir: /tmp/captures
  scrub: [/metadata/user_id, 're:acct_[0-9]+']
  when: {provider: work, key: sk-kimi-*, model: big-*}
replay: {ignore: [/metadata/user_id, /messages/*/id], max_age: 90d}
limits:
  connect: 5s
  first_byte: 1m
  between_events: 2m
  duration: 1h
  keepalive: 15s
  head: 500ms
  concurrent: 'off'
  queue: 7
  queue_wait: 1m
  request_body: 32MB
  reply_body: 1GB
  event: 500KB
  memory: 64MiB
  cooldown: {after: 3, for: 10s}
ledger: [sqlite:~/rows.db, 'postgresql://me:$ROWS_PASSWORD@127.0.0.1/rows', $ROWS]
alerts: {to: [$ALERTS], 'on': [balance, gate], interval: 5m}
agent_header: x-agent-id
mend: auto
"""

ENVIRON = {
    "WORK_URL": "https://llm.work.example/v1",
    "WORK_KEY": "FAKE",
    "TRACE": "t",
    "PORT": "8080",
    "TOKEN": "FAKE",
} | {
    "ROWS_PASSWORD": "FAKE-password",
    "ROWS": "https://rows.example/calls",
    "ALERTS": "json://127.0.0.1/",
}
DATA: dict[str, Any] = yaml.safe_load(FULL)


def leaves(value: object, path: Path_ = ()) -> Iterator[Path_]:
    """Give the path of each text of the file."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield from leaves(member, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from leaves(item, (*path, number))
    else:
        yield path


def keys(value: object, path: Path_ = ()) -> Iterator[Path_]:
    """Give the path of each key of a mapping."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield (*path, key)
            yield from keys(member, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from keys(item, (*path, number))


def alone(section: str) -> dict[str, Any]:
    """Give one section of the file with no more around it than makes it sound: reading YAML takes its time."""
    both = {name: {"base_url": "http://127.0.0.1:9/v1", "auth": "none"} for name in ("work", "home")}
    around = {"providers": both, "default": "home"} if section in {"aliases", "routes", "edits", "expect"} else {}
    around = {"providers": both} if section == "default" else around
    around = {"providers": both, "aliases": {"tiny": "work/m"}} if section == "preferences" else around
    return {**around, section: copy.deepcopy(DATA[section])}


def planted(path: Path_, text: str) -> str:
    """Give a file with a text in one place."""
    data = alone(str(path[0]))
    at: Any = data
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = text
    return yaml.safe_dump(data, sort_keys=False, width=1000)


def renamed(path: Path_, name: str) -> str:
    """Give a file with another name for one key."""
    data = alone(str(path[0]))
    at: Any = data
    for step in path[:-1]:
        at = at[step]
    members = list(at.items())
    at.clear()
    at.update((name if key == path[-1] else key, member) for key, member in members)
    return yaml.safe_dump(data, sort_keys=False, width=1000)


def told(text: str, tmp_path: Path) -> tuple[int, str]:
    """Check a file and give the exit code and all that was printed."""
    file = tmp_path / "rules.yaml"
    file.write_text(text, "utf-8")
    result = CliRunner().invoke(cli, ["check", str(file)], env=dict(ENVIRON))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def cases(paths: Iterator[Path_], *forms: str) -> list[Any]:
    """Give each place with one of the forms in turn."""
    turns = itertools.cycle(forms)
    return [
        pytest.param(path, form, id=f"{'.'.join(map(str, path))} {form}")
        for path, form in zip(paths, turns, strict=False)
    ]


def test_the_file_is_sound_and_has_every_key(tmp_path: Path) -> None:
    code, output = told(FULL, tmp_path)
    assert code == 0, output
    named = {path[-1] for path in keys(DATA)}
    kept = (RETRY, LIMITS, COOLDOWN, ALERTS_MAP, PREFERENCES_MAP, CHOICE)
    for record in (ROOT, PROVIDER, ROUTE, EDIT, EXPECT, LISTEN, CAPTURE, REPLAY, *kept):
        assert set(record.keys) - {"mend"} <= named


@pytest.mark.parametrize("section", DATA)
def test_each_section_is_sound_alone(section: str, tmp_path: Path) -> None:
    """So that what the tests below plant is what makes it unsound."""
    code, output = told(yaml.safe_dump(alone(section), sort_keys=False), tmp_path)
    assert code == 0, output


@pytest.mark.parametrize(("path", "form"), cases(leaves(DATA), "{}", "Bearer {}", "{}", "https://h.example/{}", "{}*"))
def test_a_key_in_place_of_a_value_is_refused_and_not_echoed(path: Path_, form: str, tmp_path: Path) -> None:
    code, output = told(planted(path, form.format(KIMI)), tmp_path)
    assert code == 1
    assert "FAKE" not in output


@pytest.mark.parametrize(("path", "form"), cases(keys(DATA), "{}", "{}", "/a/{}"))
def test_a_key_in_place_of_a_key_is_refused_and_not_echoed(path: Path_, form: str, tmp_path: Path) -> None:
    code, output = told(renamed(path, form.format(KIMI)), tmp_path)
    assert code == 1
    assert "FAKE" not in output


@pytest.mark.parametrize(
    "text",
    (
        "{K}: 1\n{K}: 2\n",
        "a: {{{K}: 1, {K}: 2}}\n",
        "default: *{K}\n",
        "default: [a, *{K}*]\n",
        "default: !{K} x\n",
        "default: !<{K}> x\n",
        "default: &{K} x\nmend: &{K} auto\n",
        "default: &{K} [*{K}]\n",
        "version: {K}\n",
        "version: [{K}]\n",
        "version: {{a: {K}}}\n",
        "providers: {{{K}: {{speaks: chat}}}}\n",
        "providers: {{{K}: {{base_url: 'http://h'}}}}\ndefault: nowhere\n",
        "providers: {{{K}: {{base_url: {{chat: 'http://h'}}, speaks: [chat, messages]}}}}\n",
        "providers: {{local: {{headers: {{{K}: a, {K}: b}}}}}}\n",
        "aliases: {{{K}: a}}\n",
        "aliases: {{{K}: a, a: {K}}}\n",
        "aliases: {{b: c, {K}: d}}\ndefault: e\n",
        "aliases: {{a: {K}x}}\n",
        "routes: [{{to: {K}}}]\n",
        "routes: [{{to: [{K}, {K}]}}]\n",
        "routes: [{{when: {{model: '[{K}'}}, to: local}}]\n",
        "edits: [{{set: {{{K}: 1}}}}]\n",
        "edits: [{{set: {{/a: 1, /a/{K}: 2}}, remove: /a/{K}}}]\n",
        "{K}\n",
        "[{K}]\n",
        "? [{K}]\n: 1\n",
        "a: '{K}\n",
        "a: [{K}\n",
        "a: {K}: b\n",
        "a: |\n {K}\n b\nc: {K}\x07\n",
        "%YAML {K}\n---\na: 1\n",
        "%TAG !e! {K}\n---\na: !e!x 1\n",
        'a: "\\{K}"\n',
    ),
)
def test_a_key_in_yaml_of_any_form_is_not_echoed(text: str, tmp_path: Path) -> None:
    code, output = told(text.format(K=KIMI), tmp_path)
    assert code == 1
    assert "FAKE" not in output


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
@pytest.mark.parametrize("place", ("edits: [{{set: {{/a: {}}}}}]", "routes: [{{name: {}, to: local}}]", "default: {}"))
def test_every_family_is_recognised_in_clear(family: object, place: str) -> None:
    prefix = getattr(family, "prefix", "")
    (problem,) = problems(place.format(f"{prefix}FAKEFAKEFAKEFAKEFAKE0001"))
    assert "in clear" in problem
    assert "FAKE" not in problem


@pytest.mark.parametrize(
    "place",
    (
        "providers: {{local: {{key: {}}}}}",
        "providers: {{local: {{key: [client, {}]}}}}",
        "providers: {{local: {{headers: {{Authorization: {}}}}}}}",
        "providers: {{local: {{headers: {{authorization: 'Bearer {}'}}}}}}",
        "providers: {{local: {{headers: {{X-API-Key: {}}}}}}}",
        "providers: {{local: {{headers: {{api-key: {}}}}}}}",
        "providers: {{local: {{headers: {{Cookie: 'session={}'}}}}}}",
        "edits: [{{headers: {{Authorization: {}}}}}]",
        "providers: {{local: {{base_url: 'https://me:{}@llm.work.example/v1'}}}}",
        "providers: {{local: {{base_url: 'https://{}@llm.work.example/v1'}}}}",
        "listen: {{token: {}}}",
        "ledger: {}",
        "ledger: ['postgresql://me:{}@db.example/rows']",
        "ledger: ['postgresql://db.example/rows?password={}']",
        "ledger: ['https://rows.example/calls?token={}']",
        "ledger: ['https://rows.example/calls?api_key={}']",
        "ledger: ['https://{}@rows.example/calls']",
        "ledger: ['postgresql://me:${{PW:-{}}}@db.example/rows']",
        "alerts: {}",
        "alerts: ['discord://123456/{}']",
        "alerts: {{to: 'mailto://me:{}@mail.example'}}",
        "routes: [{{to: local, retry: {{times: 1, on: {}}}}}]",
        "limits: {{connect: {}}}",
        "limits: {{event: {}}}",
        "routes: [{{when: {{key: {}}}, to: local}}]",
    ),
)
@pytest.mark.parametrize("key", ("c2VjcmV0RkFLRQ.of-no-family", "0123456789abcdef0123456789abcdef", "hunter2FAKE"))
def test_where_credentials_stand_no_family_is_needed(place: str, key: str) -> None:
    (problem,) = problems(place.format(key))
    assert key not in problem


@pytest.mark.parametrize(
    "text",
    (
        "sk-kimi-*",
        "sk-kimi-",
        "sk-ant-oat01-*",
        "task-list-of-many-words-in-a-row",  # "sk-" inside a word
        "risk-assessment-of-the-model",
        "xai-*",
        "$SK_KIMI_KEY_OF_MY_VERY_OWN",
        "hf_*",
        "a model name with sk- in it",
    ),
)
def test_what_only_reminds_of_a_credential_is_left_alone(text: str) -> None:
    assert problems(f"routes: [{{name: '{text}', to: local}}]") == []


def test_the_error_itself_holds_no_key() -> None:
    """Not only what is printed: a traceback shows an exception's arguments and its chain."""
    with pytest.raises(RulesError) as caught:
        load_rules(f"default: {KIMI}\n{KIMI}: x\n", "rules.yaml", {})
    error: BaseException | None = caught.value
    while error is not None:
        assert "FAKE" not in repr(error)
        assert "FAKE" not in str(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
