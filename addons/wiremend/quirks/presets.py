"""Whose host is it: the presets, by which a quirk of kind "preset" is on.

A preset is a name for those who behave alike, and the hosts at which they answer. The host decides, for it is the host
that misbehaves; a provider's own name counts only where the host is nobody's in particular (a relay, this machine).
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

HOSTS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "kimi-code": ("api.kimi.com", "api.kimi.ai"),
        "moonshot": ("api.moonshot.ai", "api.moonshot.cn"),
        "deepseek": ("api.deepseek.com",),
        "openrouter": ("openrouter.ai", "*.openrouter.ai"),
        "zai": ("api.z.ai", "open.bigmodel.cn"),
        "openai": ("api.openai.com", "*.api.openai.com", "chatgpt.com"),
        "anthropic": ("api.anthropic.com",),
        "groq": ("api.groq.com",),
        "mistral": ("api.mistral.ai", "codestral.mistral.ai"),
        "fireworks": ("api.fireworks.ai",),
        "together": ("api.together.ai", "api.together.xyz"),
        "dashscope": ("dashscope*.aliyuncs.com", "coding*.dashscope.aliyuncs.com", "api-inference.modelscope.*"),
        "minimax": ("api.minimax.io", "api.minimaxi.com", "api.minimax.chat"),
        "xai": ("api.x.ai", "*.api.x.ai"),
        "gemini": ("generativelanguage.googleapis.com",),
        "azure": ("*.openai.azure.com", "*.services.ai.azure.com", "*.cognitiveservices.azure.com"),
        "bedrock": ("bedrock-runtime*.amazonaws.com", "bedrock-mantle*.api.aws"),
        "vertex": ("aiplatform.googleapis.com", "*-aiplatform.googleapis.com"),
        "cerebras": ("api.cerebras.ai",),
        "nvidia": ("integrate.api.nvidia.com",),
        "siliconflow": ("api.siliconflow.cn", "api.siliconflow.com"),
        "copilot": ("api.githubcopilot.com", "api.*.githubcopilot.com", "copilot-api.*.ghe.com"),
        "xiaomi": ("api.xiaomimimo.com", "*.xiaomimimo.com"),
        "huggingface": ("router.huggingface.co",),
        "perplexity": ("api.perplexity.ai",),
        "cloudflare": ("api.cloudflare.com",),
        "opencode-zen": ("opencode.ai",),
        "ollama": ("ollama.com",),
        "local": (),
    }
)
"""Each preset's hosts, as globs in lower case; ``ollama`` and ``local`` are also at ports of this machine."""

PORTS: Final[Mapping[int, str]] = MappingProxyType(
    {
        11434: "ollama",
        8000: "local",  # vLLM
        8080: "local",  # llama.cpp
        1234: "local",  # LM Studio
        30000: "local",  # SGLang
    }
)
"""Who usually answers at a port of this machine."""

BUILT_IN: Final[Mapping[str, str]] = MappingProxyType(
    {
        "kimi-code": "kimi-code",
        "moonshot": "moonshot",
        "moonshot-cn": "moonshot",
        "deepseek": "deepseek",
        "openrouter": "openrouter",
        "anthropic": "anthropic",
        "openai": "openai",
        "zai": "zai",
        "ollama": "ollama",
        "local": "local",
    }
)
"""The preset of each built-in provider."""

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@lru_cache(maxsize=1024)
def preset_of(provider: str | None, host: str, port: int | None = None) -> str | None:
    """Give the preset of a provider at a host; None where nothing is known of either.

    ``provider`` is its name in the rules, None where there is none; ``host`` and ``port`` are where the request goes.
    First counts the host; then, for a built-in provider that was moved (to a relay, or a lab), its name; then the port,
    where the host is this machine.
    """
    host = host.lower()
    for preset, globs in HOSTS.items():
        if any(fnmatchcase(host, glob) for glob in globs):
            return preset
    named = BUILT_IN.get(provider or "")
    return named or (PORTS.get(port) if port is not None and host in _LOOPBACK else None)
