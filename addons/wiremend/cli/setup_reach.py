"""Where a model's name leads under some rules, whatever key an agent brings: the question behind a route of setup's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from wiremend.errors import RefusedError
from wiremend.headers import Headers
from wiremend.rules.engine import decide
from wiremend.rules.facts import facts_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wiremend.protocols.base import WireName
    from wiremend.rules.resolve import Resolved

_PATHS: Final[Mapping[WireName, str]] = {
    "messages": "/v1/messages",
    "chat": "/v1/chat/completions",
    "responses": "/v1/responses",
}
_KEYS: Final = ("", "sk-ant-oat01-x", "sk-ant-x", "sk-kimi-x", "sk-or-x", "sk-proj-x", "sk-x", "x")
"""What agents bring: nothing, a login, keys of several families, a word that stands for one."""


def led_to(resolved: Resolved, provider: str, model: str) -> bool:
    """Tell whether ``provider/model``, asked for at the gateway, goes to that provider under its own name.

    The credential that is sent there then is the provider's own, as the rules name it, and no client's.
    """
    upstream = resolved.upstreams.get(provider)
    if upstream is None:
        return False
    for wire in upstream.provider.speaks:
        for key in _KEYS:
            headers = Headers((("x-api-key", key),) if key else ())
            facts = facts_of(
                style="gateway",
                method="POST",
                target=_PATHS[wire],
                headers=headers,
                host=None,
                port=None,
                body=json.dumps({"model": f"{provider}/{model}"}).encode(),
                agent_header=resolved.rules.agent_header,
            )
            try:
                decision = decide(facts, resolved)
            except RefusedError:
                return False
            if decision.provider != provider or decision.sent != model:
                return False
    return not upstream.client_key
