"""What the tests of the rules have in common: a file's text to rules, a request in one line, and keys that are fake.

Every key below is made up. Those of one family differ in their tails, so that a test can tell whose key it finds.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import msgspec

from wiremend.errors import RulesError
from wiremend.headers import Headers
from wiremend.pipeline.outcome import ClientRequest, Refused, Rewritten
from wiremend.pipeline.request import rewrite
from wiremend.pipeline.unpack import unpack
from wiremend.rules.engine import decide
from wiremend.rules.facts import Facts, facts_of
from wiremend.rules.load import load_rules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wiremend.rules.engine import Decision
    from wiremend.rules.facts import Style
    from wiremend.rules.resolve import Resolved

KIMI = "sk-kimi-FAKEFAKEFAKEFAKEFAKE0001"
MOONSHOT = "sk-FAKEFAKEFAKEFAKEFAKEFAKE0002"
ANTHROPIC = "sk-ant-api03-FAKEFAKEFAKEFAKE0003"
OAUTH = "sk-ant-oat01-FAKEFAKEFAKEFAKE0004"
OPENROUTER = "sk-or-v1-FAKEFAKEFAKEFAKE0005"
OPENAI = "sk-proj-FAKEFAKEFAKEFAKEFAKE0006"
WEB_TOKEN = "eyJFAKEFAKEFAKEFAKE.FAKEFAKE.0007"
PLAIN = "FAKE-of-no-family-0008"

PATHS = {"messages": "/v1/messages", "chat": "/v1/chat/completions", "responses": "/v1/responses"}


def resolved(text: str, environ: Mapping[str, str] | None = None, *, offline: bool = False) -> Resolved:
    """Load a rules file that must be sound."""
    return load_rules(textwrap.dedent(text), "rules.yaml", environ or {}, offline=offline).resolved


def warnings(text: str, environ: Mapping[str, str] | None = None) -> list[str]:
    """Load a rules file that must be sound and give its warnings."""
    return [str(problem) for problem in load_rules(textwrap.dedent(text), "rules.yaml", environ or {}).warnings]


def problems(text: str, environ: Mapping[str, str] | None = None, *, offline: bool = False) -> list[str]:
    """Load a rules file and give all that is found, errors and warnings, without the file's name in front."""
    try:
        found = load_rules(textwrap.dedent(text), "rules.yaml", environ or {}, offline=offline).warnings
    except RulesError as error:
        found = error.problems
    return [str(problem).removeprefix("rules.yaml:") for problem in found]


def body_of(model: object, **more: object) -> bytes:
    """Give a JSON body that names a model."""
    return msgspec.json.encode({"model": model, **more})


def bearer(credential: str) -> dict[str, str]:
    """Give the header in which a credential travels as Bearer."""
    return {"Authorization": f"Bearer {credential}"}


def facts(rules: Resolved, **asked: Any) -> Facts:  # noqa: ANN401 - the parts of a request, as `request` names them
    """Take the facts of a request given as for :func:`request`."""
    made = request(**asked)
    return facts_of(
        style=made.style,
        method=made.method,
        target=made.target,
        headers=made.headers,
        host=made.host,
        port=made.port,
        body=unpack(made)[0],
        agent_header=rules.rules.agent_header,
        agent=made.agent,
    )


def decided(rules: Resolved, **asked: Any) -> Decision:  # noqa: ANN401 - as above
    """Decide a request given as for :func:`request`."""
    return decide(facts(rules, **asked), rules)


def where(rules: Resolved, **asked: Any) -> str:  # noqa: ANN401 - as above
    """Decide a request and give ``provider/model``, or ``client`` where the client's own destination stands."""
    decision = decided(rules, **asked)
    if decision.by in ("host", "client"):
        return "client"
    return f"{decision.provider}/{decision.sent}"


def request(
    *,
    model: object = "m",
    wire: str = "chat",
    target: str | None = None,
    host: str | None = None,
    port: int = 443,
    scheme: str = "https",
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    agent: str | None = None,
) -> ClientRequest:
    """Make a client's request; without ``host`` it comes to the gateway."""
    style: Style = "gateway" if host is None else "proxy"
    return ClientRequest(
        style=style,
        method=method,
        scheme=scheme if host else "http",
        host=host,
        port=port,
        target=target if target is not None else PATHS[wire],
        headers=Headers(tuple((headers or {}).items())),
        body=body_of(model) if body is None else body,
        agent=agent,
    )


def rewritten(rules: Resolved, **asked: Any) -> Rewritten:  # noqa: ANN401 - as above
    """Rewrite a request that must leave rewritten."""
    outcome = rewrite(request(**asked), rules)
    assert isinstance(outcome, Rewritten), outcome
    return outcome


def refused(rules: Resolved, **asked: Any) -> Refused:  # noqa: ANN401 - as above
    """Rewrite a request that must be refused."""
    outcome = rewrite(request(**asked), rules)
    assert isinstance(outcome, Refused), outcome
    return outcome
