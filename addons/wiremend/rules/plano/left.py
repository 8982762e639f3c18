"""What of a Plano file has no meaning for Wiremend, and why: each is named in the text that is made, and told."""

from __future__ import annotations

from typing import Final

_AGENTS: Final = "Wiremend runs no agents"
_FILTERS: Final = "Wiremend calls no filters"
_ROUTER: Final = "preferences are chosen by words; in a rules.yaml `router: PROVIDER/MODEL` asks a model"
_STAYS: Final = "a conversation keeps its choice anyhow, and with it the provider's cache"

LEFT: Final = {
    "agents": f"{_AGENTS}; point yours at it",
    "filters": f"{_FILTERS}; in a rules.yaml `edits` change a body, by JSON pointer",
    "endpoints": "they are for prompt targets and agents",
    "prompt_targets": "Wiremend calls no functions for a model; the agent does",
    "prompt_guards": "Wiremend judges no prompts",
    "system_prompt": "it belongs to prompt targets",
    "ratelimits": "tokens are not counted against a limit; in a rules.yaml `limits: {concurrent: …}` bounds what runs",
    "tracing": "spans go where the variables OTEL_EXPORTER_OTLP_… say",
    "mode": "one port is the gateway and the HTTPS proxy",
    "state_storage": "conversations of the responses wire are not stored; the agent sends them whole",
    "model_metrics_sources": "prices are those that Wiremend knows, speeds those that it measures",
    "overrides.prompt_target_intent_matching_threshold": "it is for prompt targets",
    "overrides.optimize_context_window": "nothing is cut off a conversation",
    "overrides.use_agent_orchestrator": _AGENTS,
    "overrides.agent_orchestration_model": _AGENTS,
    "overrides.disable_signals": "there are no such signals",
    "overrides.upstream_tls_ca_path": "certificates are held against the system's roots; SSL_CERT_FILE names others",
    "overrides.llm_routing_model": _ROUTER,
    "overrides.orchestrator_model_context_length": _ROUTER,
    "prompt_caching.enabled": _STAYS,
    "prompt_caching.session_affinity": _STAYS,
    "prompt_caching.inject_cache_control": "the agent says itself what is to be cached",
    "prompt_caching.min_prefix_tokens": "the agent says itself what is to be cached",
    "routing.llm_provider": _ROUTER,
    "routing.model": _ROUTER,
    "routing.session_max_entries": "how many conversations are remembered is not set in a file",
    "routing.session_cache": "choices are remembered by the proxy itself",
    "routing.routing_budget": "what a change of the model costs is not weighed",
    "routing.route_on_user_only": _STAYS,
    "listeners.router": _AGENTS,
    "listeners.agents": _AGENTS,
    "listeners.input_filters": _FILTERS,
    "listeners.output_filters": _FILTERS,
    "listeners.message_format": "every wire is taken, on the one port",
}
"""By its place in the file: a key of the top, or one of a section or of a listener."""
