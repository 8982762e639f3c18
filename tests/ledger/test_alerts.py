"""Alerts: one a kind and interval, what was held back is told, nothing waits, and no address is ever shown.

Here is a clock that the test moves, and services that are functions; ``test_alerts_sent`` has the real Apprise.
"""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from wiremend.ledger import alerts
from wiremend.ledger.alerts import AGAIN, Limiter, Plan, Sender, Service, compose, scheme_of
from wiremend.ledger.happening import Happening
from wiremend.rules.model import CAUSES

if TYPE_CHECKING:
    from collections.abc import Callable


NOON: Final = 1_760_000_000.0
KEY: Final = ("balance", "kimi-code")
EVERY: Final = frozenset(CAUSES)
TOKEN: Final = "xoxb-FAKE-TOKEN-5566778899"
DEADLINE: Final = 15.0


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        """Begin at some time."""
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def happening(
    cause: str = "balance", provider: str = "kimi-code", what: str = "It is empty", at: float = NOON
) -> Happening:
    return Happening(cause, provider, what, at, "kimi-k2")


class TestLimiter:
    def test_one_goes_an_interval_and_the_next_tells_what_was_held_back(self) -> None:
        clock = Clock()
        limiter = Limiter(900.0, clock)
        assert limiter.take(KEY, NOON) == (0, 0.0)
        for second in range(1, 13):
            assert limiter.take(KEY, NOON + second) is None
        clock.now += 899.9
        assert limiter.take(KEY, NOON + 899.9) is None
        clock.now += 0.1
        assert limiter.take(KEY, NOON + 900) == (13, NOON + 1)
        clock.now += 900.0
        assert limiter.take(KEY, NOON + 1800) == (0, 0.0)

    def test_causes_and_providers_do_not_hold_each_other_back(self) -> None:
        limiter = Limiter(900.0, Clock())
        for key in (KEY, ("fallback", "kimi-code"), ("balance", "deepseek")):
            assert limiter.take(key, NOON) is not None
            assert limiter.take(key, NOON) is None

    def test_a_shorter_interval_holds_from_the_next_alert_on(self) -> None:
        clock = Clock()
        limiter = Limiter(900.0, clock)
        limiter.take(KEY, NOON)
        limiter.interval = 10.0
        clock.now += 899.0
        assert limiter.take(KEY, NOON) is None
        clock.now += 1.0
        assert limiter.take(KEY, NOON) is not None
        clock.now += 10.0
        assert limiter.take(KEY, NOON) is not None

    @pytest.mark.parametrize(("interval", "until"), ((900.0, AGAIN), (5.0, 5.0)))
    def test_one_that_reached_nobody_may_be_followed_sooner(self, interval: float, until: float) -> None:
        clock = Clock()
        limiter = Limiter(interval, clock)
        limiter.take(KEY, NOON)
        limiter.failed(KEY)
        clock.now += until - 0.1
        assert limiter.take(KEY, NOON) is None
        clock.now += 0.1
        assert limiter.take(KEY, NOON) is not None

    def test_many_threads_let_one_through(self) -> None:
        limiter, gate = Limiter(900.0), threading.Barrier(8)
        taken: list[object] = []

        def take() -> None:
            gate.wait()
            taken.extend(limiter.take(KEY, NOON) for _ in range(200))

        threads = [threading.Thread(target=take) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(taken), sum(one is not None for one in taken)) == (1600, 1)


class TestText:
    @pytest.mark.parametrize("cause", CAUSES)
    def test_it_says_what_of_whom_and_what_to_do(self, cause: str) -> None:
        alert = compose(happening(cause))
        assert alert.title.startswith("Wiremend: kimi-code: ")
        assert cause not in alert.title or cause == "balance"  # words for people, not ours
        first, advice = alert.text.split("\n")
        assert first == "It is empty (model kimi-k2)."
        assert advice.endswith(".")

    def test_it_says_how_many_were_held_back_and_since_when(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(time, "localtime", time.gmtime)
        assert "And 12 more since 08:53." in compose(happening(), 12, NOON).text
        assert "more since" not in compose(happening(), 0, 0.0).text

    def test_no_secret_is_in_it(self) -> None:
        what = "the key sk-kimi-FAKE0123456789abcdef0123 and hunter2-FAKE are refused"
        alert = compose(Happening("gate", "lab hunter2-FAKE", what, NOON, "m-hunter2-FAKE"), 0, 0.0, ["hunter2-FAKE"])
        assert "FAKE" not in alert.title + alert.text
        assert "sk-kimi-…" in alert.text

    def test_a_name_from_outside_cannot_call_everybody_nor_break_the_message(self) -> None:
        alert = compose(Happening("balance", "lab", "x\r\ny\x1b[31m\u202e", NOON, "@everyone <!channel>" + "m" * 9000))
        assert "@everyone" not in alert.text
        assert "<!channel" not in alert.text
        assert "\x1b" not in alert.text
        assert "\u202e" not in alert.text
        assert alert.text.count("\n") == 1
        assert len(alert.text) < 1000

    @pytest.mark.parametrize(
        ("address", "scheme"),
        (
            ("discord://1234/secret", "discord"),
            (" MAILTO://user:pass@host", "mailto"),
            (TOKEN, "unknown"),
            (f"{TOKEN}/x://y", "unknown"),
            ("", "unknown"),
        ),
    )
    def test_of_an_address_only_the_scheme_is_known(self, address: str, scheme: str) -> None:
        assert scheme_of(address) == scheme


class TestPage:
    PAGE: Final = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text("utf-8")

    def test_it_has_every_cause(self) -> None:
        assert re.findall(r"^\| `([a-z_]+)` \|", self.PAGE, re.MULTILINE) == list(CAUSES)

    def test_its_example_is_what_is_sent(self, monkeypatch: pytest.MonkeyPatch) -> None:
        what = "the balance or quota of kimi-code is exhausted: Your account is out of funds"
        monkeypatch.setattr(time, "localtime", time.gmtime)
        alert = compose(Happening("balance", "kimi-code", what, NOON, "kimi-for-coding"), 12, 14 * 3600 + 120.0)
        assert f"```text\n{alert.title}\n\n{alert.text}\n```" in self.PAGE

    def test_its_numbers_are_those_of_the_code(self) -> None:
        assert (alerts.MISSED, alerts.AGAIN, alerts.PATIENCE) == (20, 60.0, 30.0)
        assert "up to 20 of them" in self.PAGE
        assert "A server has 30 seconds for an alert" in self.PAGE


class Lab:
    """A sender whose addresses are functions, and what it said."""

    def __init__(self, **services: Callable[[str, str], bool]) -> None:
        """Tell these services, by their schemes."""
        self.clock = Clock()
        self.warned: list[tuple[str, str]] = []
        self.told = threading.Event()
        self.services = {f"{scheme}://{TOKEN}": Service(scheme, notify) for scheme, notify in services.items()}
        self.opened: list[str] = []
        self.sender = Sender(self.warn, opens=self.open, clock=self.clock, patience=0.2)
        self.sender.plan(Plan(tuple(self.services), EVERY, 900.0, ("hunter2-FAKE",)))

    def warn(self, key: str, message: str) -> None:
        self.warned.append((key, message))
        self.told.set()

    def open(self, address: str) -> list[Service]:
        self.opened.append(address)
        return [self.services[address]] if address in self.services else []


class Inbox:
    """A service that keeps what it gets; ``down`` refuses."""

    def __init__(self) -> None:
        """Begin empty."""
        self.got: list[tuple[str, str]] = []
        self.down = False
        self.came = threading.Semaphore(0)

    def __call__(self, title: str, text: str) -> bool:
        if not self.down:
            self.got.append((title, text))
        self.came.release()
        return not self.down

    def wait(self) -> None:
        assert self.came.acquire(timeout=DEADLINE)


class TestSender:
    def test_one_alert_a_kind_to_every_address(self) -> None:
        first, second = Inbox(), Inbox()
        lab = Lab(one=first, two=second)
        for _ in range(50):
            lab.sender.happened(happening())
        lab.sender.happened(happening("fallback"))
        lab.sender.close(DEADLINE)
        assert [title for title, _ in first.got] == [
            "Wiremend: kimi-code: balance or quota exhausted",
            "Wiremend: kimi-code: fell back to another destination",
        ]
        assert second.got == first.got
        assert lab.warned == []

    def test_no_address_no_thread(self) -> None:
        lab = Lab()
        lab.sender.happened(happening())
        lab.sender.close(0.0)
        assert lab.sender._thread is None

    def test_only_what_the_rules_ask_for_and_a_reload_changes_it(self) -> None:
        inbox, other = Inbox(), Inbox()
        lab = Lab(one=inbox, two=other)
        (one, two) = lab.services
        lab.sender.plan(Plan((one,), frozenset({"gate"}), 900.0))
        lab.sender.happened(happening("balance"))
        lab.sender.happened(happening("gate"))
        inbox.wait()
        lab.sender.plan(Plan((two,), frozenset({"balance"}), 900.0))
        lab.sender.happened(happening("balance"))
        other.wait()
        lab.sender.plan(Plan())
        lab.sender.happened(happening("balance", "other"))
        lab.sender.close(DEADLINE)
        assert (len(inbox.got), len(other.got)) == (1, 1)

    def test_what_an_address_missed_is_told_with_the_next_and_its_failure_named_by_its_scheme(self) -> None:
        inbox = Inbox()
        lab = Lab(chat=inbox)
        inbox.down = True
        lab.sender.happened(happening(what="The first"))
        inbox.wait()
        assert lab.told.wait(DEADLINE)
        lab.clock.now += AGAIN - 0.1
        lab.sender.happened(happening(what="One held back", at=NOON + 59))
        inbox.down = False
        lab.sender.happened(happening("fallback", what="The second"))
        inbox.wait()
        lab.clock.now += 0.1
        lab.sender.happened(happening(what="The third"))
        lab.sender.close(DEADLINE)
        (_, second), (_, third) = inbox.got
        assert "The second" in second
        assert "The first" in second
        assert second.index("The second") < second.index("The first")
        assert "The first" not in third
        assert "And 1 more since" in third
        (warning,) = lab.warned
        assert warning[0] == "alerts:chat"
        assert "chat://" in warning[1]
        assert TOKEN not in str(lab.warned)

    def test_an_address_that_hangs_holds_up_neither_the_others_nor_the_end(self) -> None:
        forever, inbox = threading.Event(), Inbox()
        lab = Lab(hangs=lambda *_: forever.wait(DEADLINE), works=inbox)
        try:
            lab.sender.happened(happening())
            inbox.wait()
            lab.sender.happened(happening("gate"))
            inbox.wait()
            lab.sender.close(0.01)
            stuck = [thread for thread in threading.enumerate() if thread.name == "wiremend: alert to hangs"]
            assert [thread.daemon for thread in stuck] == [True]
        finally:
            forever.set()
        assert {key for key, _ in lab.warned} <= {"alerts:hangs"}

    def test_a_plugin_that_raises_is_a_failure_without_its_words(self) -> None:
        def bad(*_: str) -> bool:
            raise ValueError(f"cannot post to https://chat.test/{TOKEN}")

        lab = Lab(bad=bad)
        lab.sender.happened(happening())
        lab.sender.happened(happening("gate"))
        lab.sender.close(DEADLINE)
        assert [key for key, _ in lab.warned] == ["alerts:bad", "alerts:bad"]
        assert "ValueError" in lab.warned[0][1]
        assert TOKEN not in str(lab.warned)

    def test_an_address_that_is_none_is_told_and_the_others_work(self) -> None:
        inbox = Inbox()
        lab = Lab(works=inbox)
        lab.sender.plan(Plan((f"nonsense://{TOKEN}", *lab.services), EVERY))
        lab.sender.happened(happening())
        lab.sender.close(DEADLINE)
        assert len(inbox.got) == 1
        assert lab.warned == [
            ("alerts:nonsense:address", "alerts: Apprise does not understand the nonsense:// address")
        ]

    def test_without_the_extra_one_warning_says_what_to_install(self) -> None:
        def missing(_: str) -> list[Service]:
            raise ModuleNotFoundError("apprise")

        warned: list[tuple[str, str]] = []
        sender = Sender(lambda *one: warned.append(one), opens=missing)
        sender.plan(Plan((f"a://{TOKEN}", f"b://{TOKEN}"), EVERY))
        sender.happened(happening())
        sender.close(DEADLINE)
        assert [key for key, _ in warned] == ["alerts:missing"]
        assert "pip install 'wiremend[alerts]'" in warned[0][1]

    def test_an_address_whose_opening_fails_costs_no_other_and_is_tried_again_when_the_rules_change(self) -> None:
        inbox = Inbox()
        warned: list[tuple[str, str]] = []

        def opens(address: str) -> list[Service]:
            if address == f"bad://{TOKEN}":
                raise RuntimeError(TOKEN)
            return [Service("chat", inbox)]

        sender = Sender(lambda *one: warned.append(one), opens=opens)
        sender.plan(Plan((f"bad://{TOKEN}", "chat://"), EVERY))
        sender.happened(happening())
        inbox.wait()
        assert warned == [("alerts:bad:address", "alerts: Apprise failed (RuntimeError)")]
        sender.plan(Plan(("chat://", f"bad://{TOKEN}"), EVERY))
        sender.happened(happening("gate"))
        sender.close(DEADLINE)
        assert len(inbox.got) == 2
        assert len(warned) == 2

    def test_a_bug_of_ours_does_not_end_the_thread(self, monkeypatch: pytest.MonkeyPatch) -> None:
        inbox = Inbox()
        lab = Lab(chat=inbox)
        joined = alerts._joined
        bugs = [RuntimeError(TOKEN)]
        monkeypatch.setattr(alerts, "_joined", lambda batch: raised(bugs.pop()) if bugs else joined(batch))
        lab.sender.happened(happening())
        lab.sender.happened(happening("gate"))
        lab.sender.close(DEADLINE)
        assert lab.warned == [("alerts:failed", "Wiremend failed to send an alert (RuntimeError)")]
        assert len(inbox.got) == 1

    def test_more_than_can_wait_costs_the_oldest_and_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(alerts, "WAITING", 3)
        gate, got = threading.Event(), []
        began = threading.Event()

        def slow(title: str, _: str) -> bool:
            began.set()
            gate.wait(DEADLINE)
            got.append(title)
            return True

        warned: list[tuple[str, str]] = []
        sender = Sender(lambda *one: warned.append(one), opens=lambda _: [Service("slow", slow)], patience=DEADLINE)
        sender.plan(Plan(("slow://",), EVERY))
        sender.happened(happening(provider="p0"))
        assert began.wait(DEADLINE)
        for number in range(1, 6):
            sender.happened(happening(provider=f"p{number}"))
        gate.set()
        sender.close(DEADLINE)
        assert [title.split(": ")[1] for title in got] == ["p0", "p3", "p4", "p5"]
        assert {key for key, _ in warned} == {"alerts:full"}


def raised(error: Exception) -> str:
    """Raise, where only an expression may stand."""
    raise error
