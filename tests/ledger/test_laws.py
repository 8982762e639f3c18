"""Whatever happens in whatever order, a sink ends with each row that was written for it, once, in order."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.ledger.kit import Memory, Told, entry
from wiremend.ledger.journal import Journal
from wiremend.ledger.segments import Segments
from wiremend.ledger.sink import SinkDownError
from wiremend.ledger.writer import Writer

KEYS = ("00000000aaaaaaaa", "00000000bbbbbbbb", "00000000cccccccc")


class Ledger(RuleBasedStateMachine):
    """Proxies that write, are killed and begin anew; sinks that are down; writers that end between two steps."""

    def __init__(self) -> None:
        """Begin with an empty folder."""
        super().__init__()
        self.made = TemporaryDirectory(prefix="wiremend-ledger-")
        self.folder = Path(self.made.name)
        self.told = Told()
        self.number = 0
        self.sinks = {key: Memory(key=key) for key in KEYS}
        self.expected: dict[str, list[str]] = {key: [] for key in KEYS}
        self.proxies: list[tuple[int, Journal, frozenset[str]]] = []
        self.writers: list[Writer] = []
        self.clock = 0

    def tick(self) -> int:
        """Give the next moment: each proxy begins at another."""
        self.clock += 1
        return self.clock

    @initialize()
    def begins(self) -> None:
        """Start the first proxy."""
        self.starts(keys=frozenset(KEYS))

    @rule(keys=st.frozensets(st.sampled_from(KEYS), min_size=1))
    def starts(self, keys: frozenset[str]) -> None:
        """Start another proxy that writes for some sinks, and serves them."""
        made = Journal(self.folder, self.told, rotate=1500, clock=self.tick)
        made.plan(keys)
        self.proxies.append((self.clock, made, keys))
        self.writers += [self.writer(key) for key in sorted(keys)]

    def writer(self, key: str) -> Writer:
        """Give a writer of a process of its own."""
        return Writer(self.sinks[key], self.folder, self.told, first_wait=0.0)

    @rule(which=st.integers(0, 9), count=st.integers(1, 9))
    def writes(self, which: int, count: int) -> None:
        """Write rows through one of the proxies."""
        if self.proxies:
            number, made, keys = self.proxies[which % len(self.proxies)]
            for _ in range(count):
                self.number += 1
                name = f"{number:03}-{self.number:05}"
                assert made.append(entry(name))
                for key in keys:
                    self.expected[key].append(name)

    @rule(which=st.integers(0, 9))
    def is_killed(self, which: int) -> None:
        """End a proxy: what the kernel does then is to close its file."""
        if self.proxies:
            self.proxies.pop(which % len(self.proxies))[1].close()

    @rule(which=st.integers(0, 9))
    def adds_every_sink(self, which: int) -> None:
        """Change a proxy's rules; no sink is removed."""
        if self.proxies:
            at = which % len(self.proxies)
            number, made, _ = self.proxies[at]
            made.plan(KEYS)
            self.proxies[at] = (number, made, frozenset(KEYS))

    @rule(which=st.integers(0, 9))
    def serves(self, which: int) -> None:
        """Let a writer write."""
        writer = self.writers[which % len(self.writers)]
        assert writer.once() or self.sinks[writer.sink.key].down is not None

    @rule(which=st.integers(0, 9), step=st.sampled_from(("taken", "header", "read")), after=st.integers(0, 3))
    def is_killed_while_it_serves(self, which: int, step: str, after: int) -> None:
        """End a writer's process at some step; another takes its place."""
        at = which % len(self.writers)
        real = getattr(Segments, step)
        left = [after]

        def dies(*arguments: object) -> object:
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
            return real(*arguments)

        with mock.patch.object(Segments, step, dies), suppress(KeyboardInterrupt):
            self.writers[at].once()
        self.writers[at] = self.writer(self.writers[at].sink.key)

    @rule(key=st.sampled_from(KEYS))
    def goes_down(self, key: str) -> None:
        """Let a sink fail from now on."""
        self.sinks[key].down = SinkDownError("the cable is out")

    @rule(key=st.sampled_from(KEYS))
    def comes_back(self, key: str) -> None:
        """Let it take rows again."""
        self.sinks[key].down = None

    @invariant()
    def nothing_is_doubled_or_out_of_order(self) -> None:
        """Hold that what a sink has is, proxy by proxy, the beginning of what was written for it."""
        for key, sink in self.sinks.items():
            assert len(sink.rows) == len(set(sink.rows))
            for number in {name[:3] for name in sink.rows}:
                mine = [name for name in sink.rows if name.startswith(number)]
                assert mine == [name for name in self.expected[key] if name.startswith(number)][: len(mine)]

    def teardown(self) -> None:
        """In the end all are up, and have everything; and nothing is left."""
        for _, made, _ in self.proxies:
            made.close()
        for key, sink in self.sinks.items():
            sink.down = None
            assert self.writer(key).once()
        self.nothing_is_doubled_or_out_of_order()
        for key, sink in self.sinks.items():
            assert sorted(sink.rows) == sorted(self.expected[key])
        assert Segments(self.folder).all() == []
        assert not [path for path in self.folder.iterdir() if not path.name.endswith(".lock")]
        self.made.cleanup()


TestLedger = Ledger.TestCase
TestLedger.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
