"""The shapes of keys: one made-up key of each family is found, a near miss and what only begins like a key are not.

No key is written here: each is put together from its prefix and an alphabet, so that no scanner takes it for one.
"""

from __future__ import annotations

import base64
import json
import string

import pytest

from wiremend.captures.scrub_patterns import SHAPES, keys_in
from wiremend.families import FAMILIES

WORD = string.ascii_letters + string.digits
MIXED = WORD + "_-"


def run(alphabet: str, length: int, start: int = 7) -> str:
    """Give that many characters of an alphabet, with digits early on."""
    return "".join(alphabet[(start + 11 * i) % len(alphabet)] for i in range(length))


HEX = run("0123456789abcdef", 64)
KEYS = {
    "kimi-code": ("sk-kimi-" + run(WORD, 48), "sk-kimi-" + "a-long-name-of-a-class-in-a-sheet"),
    "anthropic": ("sk-ant-" + "api03-" + run(MIXED, 93) + "AA", "sk-ant-" + "api03-short"),
    "anthropic-oauth": ("sk-ant-" + "oat01-" + run(MIXED, 86) + "AA", "sk-ant-" + "oat01-short"),
    "openrouter": ("sk-or-" + "v1-" + HEX, "sk-or-" + "v1-not-hex-at-all-but-rather-long-still-none"),
    "openai-project": ("sk-proj-" + run(MIXED, 148) + "A", "sk-proj-" + "name-of-a-project"),
    "openai-service": ("sk-svcacct-" + run(MIXED, 148) + "A", "sk-svcacct-" + "name-of-an-account"),
    "openai-admin": ("sk-admin-" + run(MIXED, 148) + "A", "sk-admin-" + "panel-of-the-page"),
    "groq": ("gsk_" + run(WORD, 52), "gsk_" + "some_words_joined_with_underlines_that_are_no_key"),
    "xai": ("xai-" + run(WORD, 80), "xai-" + run(WORD, 20)),
    "google": ("AIza" + run(MIXED, 34) + "q", "AIza" + run(WORD, 60)),
    "huggingface": ("hf_" + run(string.ascii_letters, 34), "hf_" + "model_search_tool_for_all_of_the_hub"),
    "nvidia": ("nvapi-" + run(MIXED, 63) + "q", "nvapi-" + run(WORD, 12)),
    "perplexity": ("pplx-" + run(WORD, 48), "pplx-" + "70b-online-and-other-models-of-theirs-today"),
    "fireworks": ("fw_" + run(WORD, 24), "fw_" + "firmware_image_loader_v2"),
    "cerebras": ("csk-" + run(string.ascii_lowercase + string.digits, 48), "csk-" + run(WORD, 20)),
    "json-web-token": ("eyJ" + run(MIXED, 30) + ".eyJ" + run(MIXED, 80) + "." + run(MIXED, 43), "eyJ" + run(WORD, 200)),
    "secret-key": ("sk-" + run(WORD, 48), "sk-" + "circle-fade-dot-of-the-loading-spinner"),
    "github": ("ghp_" + run(WORD, 36), "ghp_" + run(WORD, 20)),
    "github ": ("github_pat_" + run(WORD, 22) + "_" + run(WORD, 59), "github_pat_" + run(WORD, 30)),
    "aws": ("AKIA" + run("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16), "AKIA" + run("abcdefgh", 16)),
    "slack": ("xoxb-" + "12345678901-" + "12345678901-" + run(WORD, 24), "xoxb-" + "of-the-slack-kind-as-words"),
    "gitlab": ("glpat-" + run(WORD, 20), "glpat-" + "is-how-they-all-begin-there"),
    "google-oauth": ("ya29." + run(MIXED, 120), "ya29." + "short"),
    "google-client": ("GOCSPX-" + run(MIXED, 27) + "q", "GOCSPX-" + run(WORD, 9)),
}
KEY_LINES = "\n".join(run(WORD + "+/", 64, n) for n in range(9))
PEM = f"-----BEGIN {'PRIVATE'} KEY-----\n{KEY_LINES}\n-----END {'PRIVATE'} KEY-----\n"


def values(text: str) -> list[str]:
    return [found.value for found in keys_in(text.encode())]


def test_every_family_has_an_example() -> None:
    assert {family.name for family in FAMILIES} <= set(KEYS)
    assert {shape.kind for shape in SHAPES} <= {name.strip() for name in KEYS}


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize(
    "around", ("%s", "key: %s.", '{"a":"%s"}', r'{"a":"x\n%s\n"}', "KEY=%s\n", "?k=%s&b=1", "a%%20%s", "<%s>")
)
def test_a_key_is_found_whole_wherever_it_stands_alone(name: str, around: str) -> None:
    assert values(around % KEYS[name][0]) == [KEYS[name][0]]


@pytest.mark.parametrize("name", KEYS)
def test_a_near_miss_is_none(name: str) -> None:
    assert values(f"see {KEYS[name][1]} there") == []


@pytest.mark.parametrize("name", sorted(set(KEYS) - {"json-web-token"}))
def test_the_middle_of_a_word_is_none(name: str) -> None:
    assert values(f"data:image/png;base64,iVBORw0KGgo{KEYS[name][0]}") == []


@pytest.mark.parametrize(
    "text",
    (
        "sk-circle-fade",
        "hf_model_search_tool",
        "toolu_01A09q90qw90lq917835lq9",
        "call_9f8e7d6c5b4a39281706f5e4",
        "fc_68c2e87f2c1881a1b1e2d3c4b5a6978800",
        "msg_01XFDUDYJgAACzvnptvVoYEL",
        "resp_68c2e87f2c1881a1b1e2d3c4b5a69788",
        "rs_68c2e87f2c1881a1b1e2d3c4b5a697880011",
        "task-0123456789abcdef0123456789abcdef",
        "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "The file disk-0a1b2c3d4e5f60718293a4b5c6d7e8f9 is gone",
        "chatcmpl-0a1b2c3d4e5f60718293a4b5c6d7e8f9",
        "https://host.example:8080/a@b",
    ),
)
def test_ids_words_and_hashes_are_none(text: str) -> None:
    assert values(text) == []


def test_base64_of_json_and_of_bytes_is_none() -> None:
    coded = base64.b64encode(json.dumps({"alg": "none", "data": list(range(400))}).encode()).decode()
    assert coded.startswith("eyJ")
    assert values(f'{{"data":"{coded}"}}') == []
    for begin in ("AIza", "AKIA", "eyJ"):
        assert values("data:;base64,AA" + begin + run(WORD, 5000)) == []
        assert values("data:;base64,A/" + begin + run(WORD + "+/", 5000)) == []
    for name in ("google", "aws", "json-web-token"):
        assert values(f"data:;base64,iVB/{KEYS[name][0]}/Rw0") == []


@pytest.mark.parametrize("kind", ("", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "))
def test_a_private_key_is_found_with_line_breaks_of_any_kind(kind: str) -> None:
    pem = PEM.replace("PRIVATE", f"{kind}PRIVATE")
    plain, escaped = values(pem), values(json.dumps(pem))
    assert len(plain) == 1
    assert plain == escaped
    assert len(plain[0]) == 9 * 64


def test_a_private_key_that_was_cut_is_found_up_to_the_cut() -> None:
    assert values(PEM[:200])[0] == PEM.partition("KEY-----\n")[2][
        : 200 - len(PEM.partition("KEY-----\n")[0]) - 9
    ].replace("\n", "")


def test_a_public_key_is_none() -> None:
    assert values(PEM.replace("PRIVATE", "PUBLIC")) == []


def test_the_password_of_a_url() -> None:
    assert values("postgres://anna:" + "hunter-two@db.example/x") == ["hunter-two"]
