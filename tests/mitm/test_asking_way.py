"""The way to a router model: certificates, the machine's own proxy, and never ourselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.lab import Authority, Forwarder, Upstream
from tests.mitm.asking_kit import KEY, Room, router, says
from wiremend.rules.facts import Picked

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


# -- the way there


def test_tls_is_verified_by_the_authority_that_the_proxy_trusts(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with Upstream(says("code_review"), tls=authority.server("localhost")) as up:
        trusted = Room(up.url).ask(ssl_verify_upstream_trusted_ca=str(authority.ca))
        stranger = Room(up.url).ask()
    assert trusted.picked == Picked("asked", "code_review")
    assert str(stranger.failed).startswith("its certificate is not trusted: ")


def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with Upstream(says("code_review"), tls=authority.server("elsewhere.invalid")) as up:
        asked = Room(f"https://127.0.0.1:{up.port}").ask(ssl_verify_upstream_trusted_ca=str(authority.ca))
        assert up.requests == []
    assert str(asked.failed).startswith("its certificate is not trusted: ")


def test_the_machines_proxy_is_gone_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority(tmp_path)
    with (
        Upstream(says("code_review"), tls=authority.server("router.invalid")) as up,
        Forwarder({"router.invalid:443": up.port}) as office,
    ):
        monkeypatch.setenv("HTTPS_PROXY", office.url.replace("//", "//user:FAKEpass@"))
        asked = Room("https://router.invalid").ask(ssl_verify_upstream_trusted_ca=str(authority.ca))
        unknown = Room("https://other.invalid").ask(ssl_verify_upstream_trusted_ca=str(authority.ca))
        heads = list(office.heads)
        assert up.wait_for(1)[0].sni == "router.invalid"
    assert asked.picked == Picked("asked", "code_review")
    assert unknown.failed == "the machine's proxy answered 502"
    assert ("Proxy-Authorization", "Basic dXNlcjpGQUtFcGFzcw==") in heads[0][1]
    assert KEY not in str(heads)


def test_without_tls_the_machines_proxy_is_told_the_whole_url(monkeypatch: pytest.MonkeyPatch) -> None:
    with Upstream(says("code_review")) as office:
        monkeypatch.setenv("http_proxy", office.url.replace("//", "//user:FAKEpass@"))
        asked = Room("http://router.invalid").ask()
        sent = office.wait_for(1)[0]
    assert asked.picked == Picked("asked", "code_review")
    assert sent.target == "http://router.invalid/v1/chat/completions"
    assert (sent.get("host"), sent.get("proxy-authorization")) == ("router.invalid", "Basic dXNlcjpGQUtFcGFzcw==")


def test_a_credential_for_the_machines_proxy_goes_nowhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority(tmp_path)
    with (
        Upstream(says("code_review"), tls=authority.server("router.invalid")) as up,
        Forwarder({"router.invalid:443": up.port}) as office,
    ):
        monkeypatch.setenv("HTTPS_PROXY", office.url.replace("//", "//user:FAKEpass@"))
        Room("https://router.invalid").ask(ssl_verify_upstream_trusted_ca=str(authority.ca))
        assert up.wait_for(1)[0].get("proxy-authorization") is None


def test_the_proxy_of_the_mode_is_gone_through(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with (
        Upstream(says("code_review"), tls=authority.server("router.invalid")) as up,
        Forwarder({"router.invalid:443": up.port}) as office,
    ):
        asked = Room("https://router.invalid").ask(
            ssl_verify_upstream_trusted_ca=str(authority.ca), mode=[f"upstream:{office.url}"]
        )
        assert office.asked == ["router.invalid:443"]
    assert asked.picked == Picked("asked", "code_review")


def test_it_is_never_this_proxy_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    with router(says("code_review")) as up:
        monkeypatch.setattr("wiremend.mitm.asking.own_ports", lambda: frozenset({up.port}))
        asked = Room(up.url).ask()
        assert up.requests == []
    assert asked.failed == "it is this proxy itself; mend its base_url"
