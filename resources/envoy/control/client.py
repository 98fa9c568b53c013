"""This process's HTTP client for the gateway, made once: that costs tens of milliseconds, for its TLS context."""

from functools import cache

import httpx


@cache
def client() -> httpx.Client:
    """Thread-safe. No proxy of the environment is used: the gateway is ours."""
    return httpx.Client(timeout=10, trust_env=False)
