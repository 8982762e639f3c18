"""``wiremend alerts test``: which addresses took their alert, and nothing of them but the scheme."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.cli.verbs_kit import Said, World
from tests.lab import Upstream
from wiremend.cli import alerts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab import Reply, Request

TOKEN: Final = "FAKE-TOKEN-5566778899"


@pytest.fixture
def receiver() -> Iterator[Upstream]:
    def answer(request: Request, reply: Reply) -> None:
        reply.json(404 if "gone" in request.path else 200, {})

    with Upstream(answer) as up:
        yield up


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


def tried(world: World, rules: str, **environ: str) -> Said:
    for name, value in environ.items():
        world.patch.setenv(name, value)
    (world.folder / "told.yaml").write_text(rules)
    said = world.run(["alerts", "test", "--rules", "told.yaml"])
    assert TOKEN not in said.out + said.err
    return said


def test_each_address_is_told_of(world: World, receiver: Upstream) -> None:
    at = f"json://user:{TOKEN}@127.0.0.1:{receiver.port}"
    said = tried(
        world,
        "alerts: [$LAB_GOOD, $LAB_GONE, $LAB_UNSET, $LAB_STRANGE]\n",
        LAB_GOOD=f"{at}/{TOKEN}",
        LAB_GONE=f"{at}/gone",
        LAB_STRANGE=f"nonsense://{TOKEN}",
    )
    assert said.code == 1
    good, gone, unset, strange = said.out.splitlines()
    assert good == "ok      json://  ($LAB_GOOD)"
    assert gone == "failed  json://  ($LAB_GONE): it answered 404"
    assert unset.startswith("failed  ")
    assert "LAB_UNSET" in unset
    assert strange == "failed  nonsense://  ($LAB_STRANGE): Apprise does not understand it"
    assert said.err == ""
    first = receiver.requests[0].json()
    assert (first["title"], first["message"]) == (alerts.TITLE, alerts.TEXT)


def test_a_provider_without_its_key_is_no_reason_not_to_try(world: World, receiver: Upstream) -> None:
    rules = "providers: {lab: {base_url: https://lab.test, key: $LAB_NOT_SET}}\ndefault: lab\nalerts: $LAB_GOOD\n"
    said = tried(world, rules, LAB_GOOD=f"json://127.0.0.1:{receiver.port}/a, json://127.0.0.1:{receiver.port}/b")
    assert (said.code, said.out) == (0, "ok      json://  ($LAB_GOOD)\n" * 2)
    assert sorted(request.path for request in receiver.requests) == ["/a", "/b"]


@pytest.mark.parametrize(
    ("rules", "says"),
    (
        ("mend: auto\n", "alerts: $WIREMEND_ALERTS"),
        ("alerts: discord://1/2\n", "$NAME"),
        ("alerts: $LAB_GOOD\ndefault: nobody\n", "nobody"),
    ),
)
def test_rules_that_tell_nobody_or_are_not_sound(rules: str, says: str, world: World) -> None:
    said = tried(world, rules)
    assert (said.code, said.out) == (1, "")
    assert says in said.err


def test_without_the_extra_it_says_what_to_install(world: World) -> None:
    world.patch.setattr(alerts, "has_apprise", lambda: False)
    said = tried(world, "alerts: $LAB_GOOD\n", LAB_GOOD="json://127.0.0.1/")
    assert said.code == 1
    assert "pip install 'wiremend[alerts]'" in said.err


def test_without_a_verb_it_shows_what_there_is(world: World) -> None:
    said = world.run(["alerts"])
    assert "test" in said.out + said.err
