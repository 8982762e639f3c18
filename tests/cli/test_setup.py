"""``wiremend setup``: the wizard in a terminal and without one, with keyrings that work, fail, or are not there.

Each run is a process of its own with a home of its own. After each, no key that was given may be anywhere but in the
keyring: not on the screen, in a file, or in a message.
"""

from __future__ import annotations

import json
import os
import re
import stat
from typing import TYPE_CHECKING, Final

import pytest

from tests.cli.setup_kit import ANTHROPIC, BARE, CODING, KEYS, OPEN, Home, make_home
from wiremend.cli.setup_reach import led_to
from wiremend.cli.setup_vendors import VENDORS, clean_key, command_for, doubt, endpoint_for, found_by, url_of
from wiremend.errors import SetupError
from wiremend.families import FAMILIES
from wiremend.headers import Headers
from wiremend.pipeline.outcome import ClientRequest, Rewritten
from wiremend.pipeline.request import rewrite
from wiremend.rules.catalogue import catalogue
from wiremend.rules.load import load_rules
from wiremend.rules.lookup import shipped
from wiremend.rules.providers import builtin_nodes

if TYPE_CHECKING:
    from pathlib import Path

    from wiremend.cli.setup_vendors import Vendor
    from wiremend.families import Family

KIMI: Final = "✓ Kimi API key saved (Kimi Coding endpoint: https://api.kimi.com/coding/v1)"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return make_home(tmp_path)


def spotless(home: Home, *outputs: str) -> None:
    """Hold that no key, nor the telling part of one, is in an output or a file of the home."""
    for key in KEYS:
        part = key[key.index("FAKE") :]
        assert not [text for text in outputs if part in text]
        assert not [name for name, content in home.files().items() if part.encode() in content]


# -- without a terminal


def test_a_coding_key_is_saved_and_the_rules_lead_to_it(home: Home) -> None:
    done = home.run("--provider", "kimi", "--yes", key=CODING + "\n")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[-2] == KIMI
    assert lines[-1] == "Run an agent:  wiremend run --via gateway -- claude --model kimi-code/kimi-for-coding"
    assert "  sk-kimi-…   Kimi Coding  https://api.kimi.com/coding/v1" in lines
    assert "  other keys  Moonshot     https://api.moonshot.ai/v1" in lines
    assert home.ring == {"wiremend/kimi-code": CODING}
    assert stat.S_IMODE(home.rules.stat().st_mode) == 0o600
    assert "  +    key: [keyring:wiremend/kimi-code, $KIMI_API_KEY]" in lines
    spotless(home, done.stdout, done.stderr)
    # What it says is true: Claude Code with a login of its own goes there, with the key from the keyring.
    secret = {"KIMI_API_KEY": "sk-kimi-FAKE-of-the-variable"}
    text = home.rules.read_text().replace("keyring:wiremend/kimi-code", "$STORED")
    resolved = load_rules(text, "rules.yaml", {**secret, "STORED": CODING}, loops=False).resolved
    body = b'{"model":"kimi-code/kimi-for-coding","max_tokens":1,"messages":[]}'
    headers = Headers((("x-api-key", "sk-ant-oat01-FAKE-login"), ("anthropic-version", "2023-06-01")))
    outcome = rewrite(ClientRequest("gateway", "POST", "http", None, 0, "/v1/messages", headers, body), resolved)
    assert isinstance(outcome, Rewritten)
    assert outcome.destination.url == "https://api.kimi.com/coding/v1/messages"
    assert outcome.headers.get_all("x-api-key") == (CODING,)
    assert "FAKE-login" not in repr(outcome.headers)
    assert json.loads(outcome.body or b"")["model"] == "kimi-for-coding"


def test_a_second_time_changes_nothing_and_a_second_key_is_added(home: Home) -> None:
    assert home.run("--provider", "kimi", "--yes", key=CODING).returncode == 0
    first = home.rules.read_bytes()
    again = home.run("--provider", "kimi", key=CODING)  # nothing to ask, so it needs no --yes
    assert again.returncode == 0, again.stderr
    assert again.stdout.splitlines()[-2] == KIMI
    assert home.rules.read_bytes() == first
    other = home.run("--provider", "kimi", "--yes", key=OPEN)
    saved = "✓ Kimi API key saved (Moonshot endpoint: https://api.moonshot.ai/v1)"
    assert other.stdout.splitlines()[-2] == saved
    assert home.ring == {"wiremend/kimi-code": CODING, "wiremend/moonshot": OPEN}
    spotless(home, again.stdout, other.stdout)


def test_without_yes_the_change_is_shown_and_not_made(home: Home) -> None:
    done = home.run("--provider", "deepseek", key=OPEN)
    assert done.returncode == 1
    assert "+  deepseek: {key: keyring:wiremend/deepseek}" in done.stdout
    assert "--yes" in done.stderr
    assert (home.files(), home.ring) == ({}, {})


def test_the_key_may_come_from_a_variable(home: Home) -> None:
    done = home.run("--provider", "kimi", "--yes", MOONSHOT_API_KEY=OPEN)
    assert (done.returncode, home.ring) == (0, {"wiremend/moonshot": OPEN}), done.stderr
    assert "The key is that of $MOONSHOT_API_KEY." in done.stdout
    named = home.run("--provider", "zai", "--yes", "--from-env", "MINE", key=OPEN, MINE=BARE)
    assert (named.returncode, home.ring["wiremend/zai"]) == (0, BARE), named.stderr
    missing = home.run("--provider", "zai", "--yes", "--from-env", BARE)
    assert missing.returncode == 1
    spotless(home, done.stdout, named.stdout, missing.stdout, missing.stderr)


@pytest.mark.parametrize(
    ("provider", "key", "said"),
    (
        ("kimi", ANTHROPIC, "it is a key of Anthropic: choose Anthropic (--provider anthropic)"),
        ("kimi-code", OPEN, "any other belongs to Moonshot"),
        ("moonshot", CODING, "it is a key of Kimi Coding: choose Kimi (--provider kimi)"),
        ("anthropic", CODING, "it is a key of Kimi Coding: choose Kimi (--provider kimi)"),
        ("deepseek", "gsk_FAKE99aa88bb77cc66dd55", "a key for api.groq.com, which is not built in"),
        ("deepseek", "", "no key was given; pipe it to standard input, or set DEEPSEEK_API_KEY"),
        ("deepseek", "$DEEPSEEK_API_KEY", "this is a reference to a key"),
        ("deepseek", f"Bearer {BARE}", "this is no key"),
        ("deepseek", f"{BARE}ü", "this is no key"),
        ("deepseek", "abc", "too short"),
        ("nobody", OPEN, "--provider names no provider that takes a key; known: kimi, kimi-cn, deepseek"),
        ("ollama", OPEN, "--provider names no provider that takes a key"),
    ),
)
def test_what_is_no_key_of_this_provider_is_refused(home: Home, provider: str, key: str, said: str) -> None:
    done = home.invoke("--provider", provider, "--yes", key=key)
    assert isinstance(done.exception, SetupError)
    assert said in str(done.exception)
    assert (home.files(), home.ring) == ({}, {})
    spotless(home, done.output, str(done.exception))


@pytest.mark.parametrize(
    "args",
    (
        ("--key", CODING),
        (f"--key={CODING}",),
        ("--key", BARE),
        (f"--key={BARE}",),
        (CODING,),
        (BARE,),
        (f"-k{OPEN}",),
        (f"--{BARE}",),
        ("--provider", OPEN),
        (f"--provider={BARE}",),
        ("--rules", BARE),
        ("--rules", ANTHROPIC),
        (f"--yes={BARE}",),
    ),
)
def test_a_key_on_the_command_line_is_refused_and_not_repeated(home: Home, args: tuple[str, ...]) -> None:
    done = home.invoke(*args, *(() if "provider" in args[0] else ("--provider", "kimi")), "--yes", key=CODING)
    assert done.exit_code in {1, 2}
    assert done.exception is not None
    assert (home.files(), home.ring) == ({}, {})
    spotless(home, done.output, str(done.exception))


def test_there_is_no_option_for_a_key(home: Home) -> None:
    said = home.invoke("--help").output
    assert set(re.findall(r"(?<!\S)--[a-z-]+", said)) == {"--provider", "--rules", "--from-env", "--yes", "--help"}


# -- keyrings


@pytest.mark.parametrize(
    ("ring", "why"),
    (
        ("none", "this system has no keyring"),
        ("PlaintextKeyring", "the keyring of this system keeps its entries as plain text"),
    ),
)
def test_without_a_keyring_the_variable_is_named_and_saved_is_not_said(tmp_path: Path, ring: str, why: str) -> None:
    home = make_home(tmp_path, ring)
    done = home.run("--provider", "kimi", "--yes", key=CODING)
    assert done.returncode == 1
    said = " ".join(done.stdout.split())
    assert f"The key was not saved: {why}" in said
    assert "read -rs KIMI_API_KEY; export KIMI_API_KEY" in said
    assert "✓" not in said
    assert "key: $KIMI_API_KEY" in home.rules.read_text()
    assert home.ring == {}
    spotless(home, done.stdout, done.stderr)
    known = home.run("--provider", "kimi", "--yes", KIMI_API_KEY=CODING)
    assert known.returncode == 0
    assert "KIMI_API_KEY holds it here" in known.stdout
    assert "✓" not in known.stdout


def test_without_the_keyring_library_it_says_what_to_install(home: Home) -> None:
    modules = home.environ["PYTHONPATH"].rpartition(os.pathsep)[2]
    with open(f"{modules}/keyring.py", "w", encoding="utf-8") as file:  # noqa: PTH123 - a name, not a path of ours
        file.write("raise ImportError\n")
    done = home.run("--provider", "deepseek", "--yes", key=OPEN)
    assert done.returncode == 1
    assert "pip install 'wiremend[keyring]'" in " ".join(done.stdout.split())
    spotless(home, done.stdout, done.stderr)


@pytest.mark.parametrize(
    ("ring", "code", "said"),
    (
        ("Locked", 1, "the keyring did not take the key (RuntimeError); nothing was changed"),
        ("Forgetful", 1, "does not give it back; nothing was changed"),
        ("Interrupted", 130, "interrupted; nothing was changed"),
    ),
)
def test_a_keyring_that_fails_leaves_all_as_it_was(tmp_path: Path, ring: str, code: int, said: str) -> None:
    home = make_home(tmp_path, ring)
    home.write("version: 1 # mine\n")
    before = home.files()
    done = home.run("--provider", "kimi", "--yes", key=CODING)
    assert (done.returncode, home.files(), home.ring) == (code, before, {}), done.stdout + done.stderr
    assert said in done.stderr
    assert "✓" not in done.stdout
    spotless(home, done.stdout, done.stderr)


def test_a_file_that_cannot_be_written_takes_the_key_back(home: Home, tmp_path: Path) -> None:
    (tmp_path / "ring.json").write_text('{"wiremend/kimi-code": "sk-kimi-FAKE-the-old-one"}')
    (home.folder / ".config").write_text("a file where a folder must be")
    done = home.run("--provider", "kimi", "--yes", key=CODING)
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    assert home.ring == {"wiremend/kimi-code": "sk-kimi-FAKE-the-old-one"}


def test_rules_that_are_broken_are_left_alone(home: Home) -> None:
    home.write("providrs: {}\n")
    done = home.run("--provider", "kimi", "--yes", key=CODING)
    assert done.returncode == 1
    assert "mend them first" in done.stderr
    assert (home.rules.read_text(), home.ring) == ("providrs: {}\n", {})


def test_a_link_stays_a_link_and_a_mode_its_mode(home: Home, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.yaml"
    real.write_text("# mine\nversion: 1\n")
    real.chmod(0o644)
    home.rules.parent.mkdir(parents=True)
    home.rules.symlink_to(real)
    assert home.run("--provider", "kimi", "--yes", key=CODING).returncode == 0
    assert home.rules.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o644
    assert real.read_text().startswith(
        "# mine\nversion: 1\nproviders:\n  kimi-code:\n    key: keyring:wiremend/kimi-code\n"
    )


# -- in a terminal


def test_the_wizard_asks_finds_hides_and_saves(home: Home) -> None:
    code, screen = home.type(
        [
            ("Number, or part of the name: ", "moon\n"),
            ("Several have that in their name:", ""),
            ("Number, or part of the name: ", "nobody\n"),
            ("None has that in its name:", ""),
            ("Number, or part of the name: ", "1\n"),
            ("Kimi API key (not shown): ", CODING + "\n"),
            ("Write this? [Y/n]: ", "y\n"),
        ]
    )
    assert code == 0, screen
    assert KIMI in screen
    assert screen.index("sk-kimi-… is for the Kimi Coding endpoint") < screen.index("Write this?")
    assert home.ring == {"wiremend/kimi-code": CODING}
    spotless(home, screen)


@pytest.mark.parametrize(
    "steps",
    (
        [("Number, or part of the name: ", "\x03")],
        [("Number, or part of the name: ", "\x04")],
        [("Number, or part of the name: ", "deepseek\n"), ("DeepSeek API key (not shown): ", "\x03")],
        [("Number, or part of the name: ", "3\n"), ("(not shown): ", OPEN + "\n"), ("Write this?", "\x03")],
    ),
)
def test_ctrl_c_leaves_everything_as_it_was(home: Home, steps: list[tuple[str, str]]) -> None:
    code, screen = home.type(steps)
    assert (code, home.files(), home.ring) == (130, {}, {}), screen
    assert "nothing was changed" in screen
    spotless(home, screen)


def test_no_is_an_answer(home: Home) -> None:
    steps = [("(not shown, or Enter for that of $DEEPSEEK_API_KEY): ", "\n"), ("Write this?", "n\n")]
    code, screen = home.type(steps, "--provider", "deepseek", DEEPSEEK_API_KEY=OPEN)
    assert (code, home.files(), home.ring) == (1, {}, {}), screen
    assert "Nothing was changed." in screen
    spotless(home, screen)


def test_no_process_has_the_key_among_its_arguments(tmp_path: Path) -> None:
    """The whole table of processes is taken while the key is being stored."""
    home = make_home(tmp_path, "Watching")
    assert home.run("--provider", "kimi", "--yes", key=CODING).returncode == 0
    listed = (tmp_path / "processes").read_text()
    assert "setup --provider kimi --yes" in listed
    assert CODING not in listed


# -- whose key, which endpoint


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
@pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.name)
def test_a_key_goes_home_or_nowhere(vendor: Vendor, family: Family) -> None:
    """G11: who takes a key of a family with a home is at that home; Kimi's coding endpoint takes its own keys alone."""
    key = f"{family.prefix}FAKE0123456789"
    at_home = bool({host for one in vendor.endpoints for host in hosts(one.provider)} & set(family.homes))
    if family.homes and not at_home:
        with pytest.raises(SetupError) as refused:
            endpoint_for(vendor, key)
        assert "FAKE0" not in str(refused.value)
    else:
        assert (endpoint_for(vendor, key).provider == "kimi-code") == (family.prefix == "sk-kimi-")


def hosts(provider: str) -> set[str]:
    node = builtin_nodes()[provider].mapping["base_url"]
    return {str(text.value).split("/")[2] for text in (node.mapping.values() or [node])}


def test_every_built_in_provider_that_takes_a_key_is_offered() -> None:
    offered = {one.provider for vendor in VENDORS for one in vendor.endpoints}
    assert offered == {name for name, node in builtin_nodes().items() if "key" in node.mapping}


def test_every_vendor_is_found_by_number_name_and_label() -> None:
    for number, vendor in enumerate(VENDORS, 1):
        for word in (str(number), vendor.name, vendor.label, vendor.label.upper()):
            assert found_by(word, VENDORS) == [vendor]
    assert [one.endpoints[0].provider for one in found_by("moonshot", VENDORS)] == ["moonshot"]
    assert found_by("0", VENDORS) == found_by("99", VENDORS) == found_by("²", VENDORS) == []


def test_an_odd_key_is_doubted_and_a_good_one_is_not() -> None:
    openrouter = next(vendor for vendor in VENDORS if vendor.name == "openrouter")
    assert "sk-or-" in doubt(endpoint_for(openrouter, BARE), BARE)
    assert doubt(endpoint_for(openrouter, "sk-or-v1-FAKE"), "sk-or-v1-FAKE") == ""
    assert clean_key(f"  {BARE}\r\n") == BARE


def test_the_shipped_rules_do_not_lead_there_by_name_which_is_why_a_route_is_written() -> None:
    resolved = load_rules(shipped().read_text(), "rules.yaml", {}, offline=True).resolved
    assert not led_to(resolved, "kimi-code", "kimi-for-coding")
    assert url_of(VENDORS[0].endpoints[0], resolved) == "https://api.kimi.com/coding/v1"
    model = next(iter(catalogue()["openai"]))
    assert command_for(resolved.rules.providers["openai"]).endswith(f"-- codex -m openai/{model}")
    assert command_for(resolved.rules.providers["local"]).endswith("-- claude --model local/MODEL")
