"""Wiremend: mends the wire between agent clients and LLM providers."""

__version__ = "0.1.0"
