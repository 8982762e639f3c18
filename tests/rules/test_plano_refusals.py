"""What of a Plano file is refused, each with its place, what is wrong and what to do. Places are counted by hand."""

from __future__ import annotations

import pytest

from tests.rules.kit import problems
from tests.rules.plano_kit import told
from wiremend.rules.plano.detect import is_ours, is_plano, whose
from wiremend.rules.tree import parse

ONE = "model_providers: [{model: deepseek/v4, access_key: $A_KEY}]\n"
B_OF_V4 = "{name: a, description: b, models: [v4]}"
TWO = """\
model_providers:
  - model: deepseek/v4
    access_key: $A_KEY
    default: true
"""


@pytest.mark.parametrize(
    ("text", "said"),
    (
        # the list and its names
        (
            f"llm_providers: [{{model: openai/x}}]\n{ONE}",
            "1:1: 'llm_providers' is the old name of 'model_providers'; keep one of the two",
        ),
        ("model_providers: []\n", "1:18: this list is empty; leave the key out instead"),
        ("model_providers: 3\n", "1:18: this must be a list, each item a mapping with the keys "),
        ("model_providers: [{access_key: $A_KEY}]\n", "1:19: a model provider needs the key 'model': "),
        (
            "model_providers: [{model: v4}]\n",
            "1:27: a model reads provider/model, or provider/* for all of the provider's",
        ),
        ("model_providers: [{model: deepseek/}]\n", "1:27: a model reads provider/model, or "),
        ("model_providers: [{model: /v4}]\n", "1:27: a model reads provider/model, or "),
        ("model_providers: [{model: '*'}]\n", "1:27: a model reads provider/model, or "),
        ("model_providers: [{model: ''}]\n", "1:27: this text is empty"),
        (f"model_providers: [{{model: openai/{'x' * 500}}}]\n", "1:27: this name has more than 500 characters"),
        ('model_providers: [{model: "openai/\\uD83D"}]\n', "1:27: half of a character stands here"),
        (
            "model_providers: [{model: deepseek/v4, modle: x}]\n",
            "1:40: unknown key 'modle' in a model provider; did you mean 'model'?",
        ),
        (f"{ONE}listener: []\n", "2:1: unknown key 'listener' in a Plano file; did you mean 'listeners'?"),
        (
            f"{ONE}routing_preference: []\n",
            "2:1: unknown key 'routing_preference' in a Plano file; did you mean 'routing_preferences'?",
        ),
        (
            f"{ONE}routing: {{session_ttl: 3}}\n",
            "2:11: unknown key 'session_ttl' in routing; did you mean 'session_ttl_seconds'?",
        ),
        (
            f"{TWO}  - model: deepseek/v4\n    access_key: $B_KEY\n",
            "5:5: there is a model 'deepseek/v4' already, and names lead to one; the first is at line 2",
        ),
        (
            f"{TWO}  - model: openai/v4\n    access_key: $B_KEY\n",
            "5:5: there is a model 'v4' already, and names lead to one; the first is at line 2",
        ),
        (
            f"{TWO}  - {{model: openai/x, name: v4}}\n",
            "5:6: there is a model 'v4' already, and names lead to one; the first is at line 2",
        ),
        (
            f"{TWO}  - {{model: openai/x, default: true}}\n",
            "5:23: there is a default already, at line 4; keep one of them",
        ),
        ("model_providers: [{model: openai/*, default: true}]\n", "1:37: openai/* is no model; the default names one"),
        ("model_providers: [{model: openai/x, default: maybe}]\n", "1:46: 'maybe' is not known here"),
        # which provider
        (
            "model_providers: [{model: deepsek/v4}]\n",
            "1:27: Plano does not know 'deepsek', so it needs base_url and provider_interface; did you mean",
        ),
        (
            "model_providers: [{model: lab/v4, provider_interface: openai}]\n",
            "1:27: Plano does not know 'lab', so it needs base_url, such as openai",
        ),
        (
            "model_providers: [{model: lab/v4, base_url: 'http://127.0.0.1:9'}]\n",
            "1:27: Plano does not know 'lab', so it needs provider_interface, such as openai",
        ),
        (
            "model_providers: [{model: lab/v4, base_url: 'http://127.0.0.1:9', provider_interface: opnai}]\n",
            "1:87: 'opnai' is not known here; did you mean 'openai'?",
        ),
        (
            "model_providers: [{model: openai/v4, provider_interface: openai}]\n",
            "1:38: Plano knows 'openai' and takes no provider_interface for it; leave this out",
        ),
        ("model_providers: [{model: qwen/v4}]\n", "1:20: Plano needs a base_url for 'qwen'; write where it is"),
        (
            "model_providers: [{model: 'a b/v4', base_url: 'http://127.0.0.1:9', provider_interface: openai}]\n",
            "1:27: 'a b' cannot name a provider: ",
        ),
        (
            "model_providers: [{model: amazon_bedrock/x, base_url: 'http://127.0.0.1:9'}]\n",
            "1:27: Wiremend cannot ask 'amazon_bedrock': it speaks Bedrock's own wire",
        ),
        (
            "model_providers: [{model: azure_openai/*, base_url: 'https://z.example'}]\n",
            "1:27: each deployment of Azure has a URL of its own",
        ),
        (
            "model_providers: [{model: openai/x, base_url: ftp://a}]\n",
            "1:47: a base URL begins with http:// or https://",
        ),
        (
            "model_providers: [{model: openai/x, base_url: 'https://u:p@a'}]\n",
            "1:47: a base URL holds no user or password",
        ),
        # credentials
        (
            "model_providers: [{model: openai/x, access_key: secret}]\n",
            "1:49: this is not a reference to a credential; write where it is kept: $NAME",
        ),
        (
            "model_providers: [{model: openai/x, access_key: sk-proj-FAKEFAKEFAKEFAKEFAKE01}]\n",
            "1:49: a credential stands here in clear; write where it is kept: $NAME",
        ),
        (
            "model_providers: [{model: openai/x, access_key: client}]\n",
            "1:49: Plano would send the word `client`; write `passthrough_auth: true`",
        ),
        ("model_providers: [{model: openai/x, access_key: '${A_KEY:-b}'}]\n", "1:49: a credential has no default"),
        (
            "model_providers: [{model: openai/x, headers: {Authorization: Bearer x}}]\n",
            "1:62: the header 'Authorization' carries a credential; write a reference such as $NAME, or use `access_k",
        ),
        (
            "model_providers: [{model: openai/x, headers: {X-A: sk-proj-FAKEFAKEFAKEFAKEFAKE01}}]\n",
            "1:52: a credential stands here in clear",
        ),
        # headers
        ("model_providers: [{model: openai/x, headers: {'a b': c}}]\n", "1:47: 'a b' cannot be a header's name"),
        (
            'model_providers: [{model: openai/x, headers: {a: "b\\nc"}}]\n',
            "1:50: a header's value is one line of printable characters",
        ),
        ("model_providers: [{model: openai/x, http_host: ''}]\n", "1:48: this text is empty"),
        (
            "model_providers: [{model: openai/x, headers: {X-A: b, x-a: c}}]\n",
            "1:55: the header 'x-a' stands here a second time, whatever its case; see line 1",
        ),
        (
            "model_providers: [{model: openai/*}]\nmodel_aliases: {a: {target: openai/*}}\n",
            "2:29: 'openai/*' stands for many models",
        ),
        # aliases
        (
            f"{ONE}model_aliases: {{fast: {{target: v5}}}}\n",
            "2:32: 'v5' is not among the model providers; known: deepseek/v4, v4",
        ),
        (f"{ONE}model_aliases: {{fast: v4}}\n", "2:23: this must be a mapping with the keys target, not a text"),
        (f"{ONE}model_aliases: {{'a*': {{target: v4}}}}\n", "2:17: "),
        (
            f"{ONE}model_aliases: {{deepseek/v4: {{target: v4}}}}\n",
            "2:17: 'deepseek/v4' is what a model is called that this file names elsewhere; rename the alias",
        ),
        (
            "model_providers: [{model: openai/*, name: all}]\nmodel_aliases: {a: {target: all}}\n",
            "2:29: 'all' stands for many models",
        ),
        # preferences
        (
            f"{ONE}routing_preferences: [{{name: a, description: b}}]\n",
            "2:23: a routing preference needs the key 'models': ",
        ),
        (
            f"{ONE}routing_preferences: [{{name: a, description: b, models: [v5]}}]\n",
            "2:58: 'v5' is not among the model providers; known: deepseek/v4, v4",
        ),
        (f"{ONE}routing_preferences: [{{name: a, description: b, models: v4}}]\n", "2:57: this must be a list"),
        (
            f"{ONE}routing_preferences: [{{name: a, description: b, models: [v4], selection_policy: {{prefer: a}}}}]\n",
            "2:90: 'a' is not known here",
        ),
        (
            f"{ONE}routing_preferences:\n  - {B_OF_V4}\n  - {B_OF_V4.replace('a,', 'A,')}\n",
            "4:12: there is a preference 'A' already, at line 3; give this another name",
        ),
        (
            "version: v0.3.0\nmodel_providers: [{model: openai/*, routing_preferences: [{name: a, description: b}]}]\n",
            "2:37: openai/* is no model, and a preference chooses one",
        ),
        # listeners
        (
            f"{ONE}listeners:\n  - {{type: model, name: a}}\n  - {{type: model, name: b}}\n",
            "4:5: Plano has one listener of the type model, and there is one at line 3; keep one",
        ),
        (f"{ONE}listeners: [{{type: modl, name: a}}]\n", "2:20: 'modl' is not known here; did you mean 'model'?"),
        (f"{ONE}listeners: [{{name: a}}]\n", "2:13: a listener needs the key 'type': "),
        (f"{ONE}listeners: [{{type: model, name: a, port: 70000}}]\n", "2:42: this must be a port from 1 to 65535"),
        (f"{ONE}listeners: [{{type: model, name: a, timeout: 30}}]\n", "2:45: this must be a time, such as 30s"),
        (
            f"{ONE}listeners: [{{type: model, name: a, timeout: soon}}]\n",
            "2:45: 'soon' is no time; write one such as 30s",
        ),
        (
            f"{ONE}listeners: [{{type: model, name: a, timeout: 9000d}}]\n",
            "2:45: 9000d is too long: a year is the most",
        ),
        (f"{ONE}listeners: [{{type: model, name: a, max_retries: -1}}]\n", "2:49: this must be a number of retries"),
        (
            f"{ONE}listeners: {{egress: {{port: 1}}}}\n",
            "2:13: unknown key 'egress' in listeners of the old form; did you mean 'egress_traffic'?",
        ),
    ),
)
def test_what_is_refused(text: str, said: str) -> None:
    errors = [line for line in told(text) if ": warning: " not in line]
    assert len(errors) == 1, errors
    assert errors[0].startswith(said), errors[0]


@pytest.mark.parametrize(
    ("text", "said"),
    (
        (
            "model_providers: [{model: openai/x, access_key: $A_KEY, passthrough_auth: true}]\n",
            "1:37: warning: `access_key` is not taken over: passthrough_auth beats it",
        ),
        (
            f"{ONE}routing_preferences: [{{name: a, description: b, models: [v4, deepseek/v4]}}]\n",
            "2:62: warning: 'deepseek/v4' stands in this list already, so it is left out here",
        ),
        (
            """\
version: v0.4.0
model_providers:
  - model: openai/x
    access_key: $A_KEY
    routing_preferences: [{name: a, description: b}]
""",
            "5:5: warning: Plano v0.4.0 passes over preferences inside of a provider; here they count",
        ),
        (
            """\
model_providers:
  - {model: openai/x, access_key: $A_KEY, routing_preferences: [{name: a, description: b}]}
  - {model: openai/y, access_key: $A_KEY, routing_preferences: [{name: a, description: c}]}
""",
            "3:75: warning: the description of 'a' at line 2 is another, and the first counts",
        ),
        (
            """\
model_providers:
  - {model: openai/x, access_key: $A_KEY, routing_preferences: [{name: a, description: b}]}
routing_preferences: [{name: a, description: c, models: [x]}]
""",
            "2:66: warning: this preference is not taken over: the preference 'a' at the top of the file stands in its",
        ),
    ),
)
def test_what_is_said_of_a_sound_file(text: str, said: str) -> None:
    (found,) = told(text)
    assert found.startswith(said), found


def test_all_that_is_wrong_comes_in_one_run_in_the_order_of_the_file() -> None:
    text = """\
    model_providers:
      - model: deepseek
      - model: deepsek/x
      - {model: openai/x, default: true, access_key: $A_KEY}
      - {model: openai/y, default: true, access_key: $A_KEY}
    model_aliases:
      a: {target: z}
      b: {target: deepsek/x}
    tracing: {}
    """
    assert [line.partition(": ")[0] for line in told(text)] == ["2:12", "3:12", "5:23", "7:15", "9:1"]


def test_no_message_shows_what_may_be_a_key() -> None:
    secret = "FAKE-of-no-family-0008"
    text = f"model_providers: [{{model: openai/x, access_key: {secret}, default: [{secret}]}}]\n"
    assert told(text)
    assert secret not in "".join(told(text))


@pytest.mark.parametrize(
    ("text", "plano", "ours", "other"),
    (
        ("llm_providers: []", True, False, None),
        ("model_providers: 3", True, False, None),
        ("{version: 1, model_providers: []}", True, False, None),
        ("{model_providers: [], routes: []}", False, True, None),
        ("{version: 1}", False, False, None),
        ("{default: local}", False, True, None),
        ("{routing_preferences: []}", False, False, None),
        ("{model_list: []}", False, False, "LiteLLM"),
        ("{Providers: [], Router: {}}", False, False, "claude-code-router"),
        ("{strategy: {mode: fallback}, targets: []}", False, False, "Portkey"),
        ("[llm_providers]", False, False, None),
        ("llm_providers", False, False, None),
    ),
)
def test_whose_file_it_is(text: str, plano: bool, ours: bool, other: str | None) -> None:  # noqa: FBT001 - a table
    root, _ = parse(text, "x.yaml")
    assert (is_plano(root), is_ours(root), whose(root)) == (plano, ours, other)


@pytest.mark.parametrize("own", ("routes", "providers", "default"))
def test_a_file_that_is_both_is_told_as_such(own: str) -> None:
    text = f"model_providers: [{{model: deepseek/x, access_key: $A_KEY}}]\n{own}: {{}}\n"
    (told,) = problems(text, offline=True)
    assert told.startswith("2:1: this is a Plano file by its 'model_providers', and ")
    assert f"{own!r} is a key of rules.yaml" in told
