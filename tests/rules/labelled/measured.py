"""How well a router does on labelled prompts: accuracy, and the matrix of what is taken for what."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.rules.labelled import LABELS, load
from wiremend.rules.local_router import LocalRouter
from wiremend.rules.utterances import turns_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.rules.labelled import Half, Labelled
    from wiremend.rules.local_router import Judged, Topic

SEED: Final[tuple[Topic, ...]] = (
    ("complex_reasoning", "deep analysis, mathematical problem solving, and logical reasoning", ()),
    ("code_review", "reviewing and analyzing existing code for bugs and improvements", ()),
    ("creative_writing", "creative content generation, storytelling, and writing assistance", ()),
)
"""The preferences of ``shared/seeds/plano_config.yaml``."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What became of each prompt of a half: pairs of the label and the choice."""

    half: str
    prompts: Sequence[Labelled]
    judged: Sequence[Judged]

    @property
    def choices(self) -> list[tuple[str, str]]:
        """The label and the choice of each prompt."""
        return [(prompt.label, one.choice or "none") for prompt, one in zip(self.prompts, self.judged, strict=True)]

    @property
    def right(self) -> int:
        """How many choices are as labelled."""
        return sum(label == choice for label, choice in self.choices)

    @property
    def accuracy(self) -> float:
        """Their share, from 0 to 1."""
        return self.right / len(self.prompts)

    def page(self) -> str:
        """Give accuracy and matrix as text: a row a label, a column a choice."""
        counts = Counter(self.choices)
        rows = [f"{label:>18} " + " ".join(f"{counts[label, choice]:4}" for choice in LABELS) for label in LABELS]
        head = " " * 19 + " ".join(f"{choice[:4]:>4}" for choice in LABELS)
        said = f"{self.half}: {self.right} of {len(self.prompts)} as labelled, {100 * self.accuracy:.1f} %"
        return "\n".join((said, head, *rows))

    def failures(self) -> str:
        """Name what came out otherwise, with the scores."""
        lines = []
        for prompt, one in zip(self.prompts, self.judged, strict=True):
            if prompt.label != (one.choice or "none"):
                scores = ", ".join(f"{score.name} {score.value:.2f} {list(score.words)}" for score in one.scores)
                lines.append(f"{prompt.id}: {prompt.label} -> {one.choice}: {scores}\n    {prompt.asked[:160]!r}")
        return "\n".join(lines)


def measure(half: Half) -> Measured:
    """Let the router choose for each prompt of a half, from the request's body on."""
    router = LocalRouter(SEED)
    prompts = load(half)
    return Measured(half, prompts, [router.judge(turns_of(prompt.body)) for prompt in prompts])
