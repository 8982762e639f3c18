"""The router ``local``: what it chooses, on prompts that it was not made with; what it never does; what it costs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.rules.labelled import HALVES, LABELS
from tests.rules.labelled.measured import SEED, measure
from wiremend.rules import lexicon, word_errands, wording
from wiremend.rules.local_router import FIT, MOST_SHOWN, LocalRouter, local_router
from wiremend.rules.utterances import HEAD, MOST, TAIL, clipped

TOP: Final = Path(__file__).parents[2]
PAGE: Final = (TOP / "docs" / "preferences.md").read_text("utf-8")
OTHER: Final = yaml.safe_load((Path(__file__).parent / "other_preferences.yaml").read_text("utf-8"))
TOPICS: Final = tuple((one["name"], one["description"], tuple(one.get("examples", ()))) for one in OTHER["preferences"])
ROUTER: Final = LocalRouter(SEED)


def choice(*turns: str, topics: tuple[tuple[str, str, tuple[str, ...]], ...] = SEED) -> str | None:
    """Choose for turns, newest first."""
    return local_router(topics).judge(turns).choice


# --- accuracy --------------------------------------------------------------------------------------------------------


def test_at_least_this_share_of_the_half_that_it_was_not_tuned_on_comes_out_as_labelled() -> None:
    assert measure("held_out").accuracy >= 0.85


def test_at_least_this_share_of_the_half_that_it_was_tuned_on_comes_out_as_labelled() -> None:
    assert measure("tuning").accuracy >= 0.95


def other() -> tuple[int, int]:
    """Give how many of the other prompts come out as labelled, and how many there are."""
    pairs = [(label, said) for label, prompts in OTHER["prompts"].items() for said in prompts]
    return sum((choice(said, topics=TOPICS) or "none") == label for label, said in pairs), len(pairs)


def test_other_descriptions_are_served_as_well() -> None:
    right, count = other()
    assert count == 40
    assert right / count >= 0.85


@pytest.mark.parametrize("half", HALVES)
def test_the_page_says_what_is_measured(half: str) -> None:
    found = next(measure(one) for one in HALVES if one == half)
    row = re.search(rf"^\| `{half}` \| (\d+) \| (\d+) \| ([\d.]+) % \|", PAGE, re.MULTILINE)
    assert row is not None
    assert row.groups() == (str(len(found.prompts)), str(found.right), f"{100 * found.accuracy:.1f}")


def test_the_page_says_what_is_measured_of_the_other_descriptions() -> None:
    right, count = other()
    assert f"| other descriptions | {count} | {right} | {100 * right / count:.1f} % |" in PAGE


@pytest.mark.parametrize("half", HALVES)
def test_the_page_has_the_matrix(half: str) -> None:
    found = next(measure(one) for one in HALVES if one == half)
    assert f"```text\n{found.page()}\n```" in PAGE


def test_the_page_shows_scores_as_they_are() -> None:
    first, second, _ = ROUTER.judge(("Prove that the square root of 2 is irrational.",)).scores
    assert f"  yes  {first.value:.2f}  {first.name} (" in PAGE
    assert f"speaks for it: {', '.join(first.words)}\n" in PAGE
    assert f"  no   {second.value:.2f}  {second.name} (" in PAGE


def test_the_page_says_how_much_of_a_turn_is_read() -> None:
    assert f"the first {HEAD:,} and the last {TAIL} bytes count" in " ".join(PAGE.split())


# --- what it chooses -------------------------------------------------------------------------------------------------

CHOSEN: Final[dict[str, tuple[str | None, tuple[str, ...]]]] = {
    "a proof": ("complex_reasoning", ("prove that there is no largest prime",)),
    "a review": ("code_review", ("please review my pull request",)),
    "a poem": ("creative_writing", ("write a poem about a lighthouse",)),
    "an errand": (None, ("list all files in this folder",)),
    "nothing": (None, ()),
    "an empty turn": (None, ("",)),
    "the newest counts": (None, ("run the tests", "write a poem about a lighthouse")),
    "go on": ("creative_writing", ("go on", "write a poem about a lighthouse")),
    "go on, twice": ("creative_writing", ("yes", "Go on!", "write a poem about a lighthouse")),
    "go on with an errand": (None, ("go on", "run the tests", "write a poem about a lighthouse")),
    "go on from nothing": (None, ("go on",)),
    "go on, and more": ("creative_writing", ("keep going, he meets a whale", "write a poem about a lighthouse")),
    "yes, and an errand": (None, ("yes, commit it and push", "review this diff for bugs")),
    "a few words that say nothing": ("creative_writing", ("with a happier mood", "write a poem about a sad whale")),
    "what code says is not what is asked": (None, ("run this\n\n```\n# write a poem, prove the theorem\n```",)),
    "a path says nothing": (None, ("open docs/poems/sonnet.md",)),
    "a name says nothing": (None, ("call write_poem with prove_theorem",)),
    "a mask": (None, ("assign two reviewers to the user story",)),
    "what is not to be done is no errand": ("code_review", ("review auth.py, don't fix anything",)),
    "case and width": ("creative_writing", ("\uff37\uff32\uff29\uff34\uff25 A POEM ABOUT A LIGHTHOUSE",)),
    "a German wish": ("creative_writing", ("Schreib mir ein Gedicht über einen Leuchtturm",)),
    "a Spanish wish": ("complex_reasoning", ("Demuestra que la suma de dos pares es par, paso a paso",)),
    "a Chinese wish": ("code_review", ("请帮我审查这段代码",)),
    "a bug by itself is no review": (None, ("there is a bug on the logo",)),
    "an errand in Chinese": (None, ("运行测试然后提交",)),
}


@pytest.mark.parametrize(("name", "turns"), CHOSEN.values(), ids=CHOSEN.keys())
def test_what_fits(name: str | None, turns: tuple[str, ...]) -> None:
    assert choice(*turns) == name


def test_scores_come_in_the_order_of_the_file_with_the_words_that_told() -> None:
    judged = ROUTER.judge(("prove the lemma by induction",))
    assert [score.name for score in judged.scores] == [name for name, _, _ in SEED]
    assert judged.scores[0].words[:2] == ("lemma", "prove")
    assert judged.scores[0].value > FIT > judged.scores[1].value == 0.0


def test_what_told_without_words_is_named() -> None:
    words = ROUTER.judge(("does that hold?\n\n```\nx = 1\n```",)).scores[1].words
    assert words[:2] == ("(code, question)", "(thing, yesno)")


def test_only_so_many_words_are_told() -> None:
    said = "prove the theorem and lemma: integral, polynomial, bijection, counterexample, derivative, paradox, riddle"
    assert len(ROUTER.judge((said,)).scores[0].words) == MOST_SHOWN


def score(*turns: str, number: int = 1) -> float:
    """Score a preference of the seed for turns, newest first."""
    return ROUTER.judge(turns).scores[number].value


def test_what_is_not_to_be_done_does_not_speak_against() -> None:
    assert score("review auth.py, fix it") < score("review auth.py, do not fix it")
    assert score("review auth.py, push it") < score("review auth.py, don't push it")


def test_each_word_that_only_goes_on_takes_some_of_the_weight() -> None:
    wish = "review this diff for bugs"
    assert score("go on", "go on", wish) < score("go on", wish) < score(wish)


def test_a_word_that_only_goes_on_says_nothing_itself() -> None:
    wish = "review this diff for bugs"
    assert score("go on", wish) == score("ok", wish) == score("", wish)


def test_a_word_that_comes_again_counts_once() -> None:
    assert score("spot the bug") == score("spot the bug, spot the bug")


def test_what_stands_in_the_midst_of_a_long_turn_counts_less() -> None:
    filler = "and there was another one of them " * 30
    assert score(f"{filler} spot the bug {filler}") < score(f"spot the bug {filler}")


def test_an_errand_that_is_only_spoken_of_is_none() -> None:
    assert score("review this diff of the kubernetes cluster") == score("review this diff of the big thing")


def test_an_imperative_stands_where_its_clause_begins() -> None:
    assert score("review this diff, run it") < score("review this diff on the run")


def test_a_word_of_a_phrase_is_no_errand() -> None:
    assert score("turn it into a story", number=2) == score("one might turn it into a story", number=2)


def test_words_of_two_sentences_are_no_phrase() -> None:
    assert score("I can spot. The bug sleeps") < score("I can spot the bug that sleeps")


def test_an_errand_of_the_turn_before_counts_as_well_where_it_goes_on() -> None:
    assert score("go on", "review this diff, run it") < score("go on", "review this diff on the run")


def test_in_a_field_one_may_ask_for_errands() -> None:
    said = "raise the memory limit of the kubernetes pods"
    assert choice(said) is None
    assert choice(said, topics=(("ops", "infrastructure and deployment", ()),)) == "ops"


def test_a_word_of_two_descriptions_says_less_than_one_of_one() -> None:
    alone = LocalRouter((("one", "fishing", ()),)).judge(("fishing",)).scores[0].value
    both = LocalRouter((("one", "fishing", ()), ("two", "fishing and camping", ()))).judge(("fishing",)).scores[0].value
    assert both < alone


def test_among_equals_the_first_of_the_file_is_chosen() -> None:
    same = (("one", "poems and verse", ()), ("two", "poems and verse", ()))
    assert choice("a poem, a haiku and a sonnet", topics=same) == "one"
    assert choice("a poem, a haiku and a sonnet", topics=same[::-1]) == "two"


def test_an_errand_that_a_description_names_speaks_for_it() -> None:
    said = "rename the class Parser to Reader and extract the helper into a module"
    assert choice(said) is None
    assert choice(said, topics=(("tidying", "refactoring and renaming", ()), *SEED)) == "tidying"


def test_examples_teach_what_the_description_does_not_say() -> None:
    plain = (("home", "things about the household", ()),)
    taught = (("home", "things about the household", ("how do I descale the kettle?", "the dishwasher leaves spots")),)
    assert choice("my kettle needs descaling, and the dishwasher smells", topics=plain) is None
    assert choice("my kettle needs descaling, and the dishwasher smells", topics=taught) == "home"


def test_an_example_names_its_families() -> None:
    plain = (("study", "for my evening class", ()),)
    taught = (("study", "for my evening class", ("prove that the square root of 2 is irrational",)),)
    assert choice("show that the lemma follows by induction", topics=plain) is None
    assert choice("show that the lemma follows by induction", topics=taught) == "study"


def test_a_description_in_chinese_is_read_by_two_characters() -> None:
    assert choice("明天去哪里钓鱼比较好", topics=(("fishing", "钓鱼和露营", ()),)) == "fishing"


def test_no_preferences_no_choice() -> None:
    assert LocalRouter(()).judge(("prove it",)).choice is None


# --- the lexicon -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", lexicon.FAMILIES, ids=lambda family: family.name)
def test_each_cue_of_a_family_matches_itself(family: lexicon.Family) -> None:
    """A cue that its own words do not match has been written in vain: a stem, or a character that is no word's."""
    number = lexicon.FAMILIES.index(family)
    for line in family.cues.strip().splitlines():
        for written in line.partition(":")[2].split(","):
            (cue,) = lexicon.cues_of(f"1: {written}", number)
            said, *signs = written.strip().split(" &")
            if said in wording.SIGNS:
                continue
            example = said.removeprefix("^").replace("..", "qx").replace("*", "").replace("{path}", "a/b.py")
            text = wording.read(example)
            given = wording.Text(text.words, text.signs | {f"{{{sign}}}" for sign in signs})
            assert lexicon.Index((cue,)).hits(given), written


def test_families_have_names_of_their_own() -> None:
    assert len({family.name for family in lexicon.FAMILIES}) == len(lexicon.FAMILIES)


def test_every_sign_of_a_cue_is_a_sign() -> None:
    cues = [cue for number, one in enumerate(lexicon.FAMILIES) for cue in lexicon.cues_of(one.cues, number)]
    assert {sign for cue in cues for sign in cue.signs} <= set(wording.SIGNS)


@pytest.mark.parametrize("said", word_errands.CONTINUES.replace("\n", ",").strip(" ,").split(","))
def test_a_bare_word_goes_on_with_the_turn_before(said: str) -> None:
    assert choice(said.strip(), "write a poem about a lighthouse") == "creative_writing"


# --- laws ------------------------------------------------------------------------------------------------------------

PIECES: Final = (
    "prove the lemma", "review this diff", "write a poem", "run the tests", "go on", "because", "证明", "¿qué opinas?",
    "\n", "```\ncode()\n```", "src/a.py", "don't", ", ", ". ", "? ", "user story", "x^2 = 4", "\U0001f600", "über",
)  # fmt: skip
SAID = st.text(max_size=80) | st.lists(st.sampled_from(PIECES) | st.text(max_size=8), max_size=30).map(" ".join)
TURNS = st.lists(SAID, max_size=4)
SOME_TOPICS = st.lists(
    st.tuples(st.text(max_size=12), st.text(max_size=40) | SAID, st.lists(SAID, max_size=2).map(tuple)),
    max_size=4,
    unique_by=lambda topic: topic[0],
)


@given(SOME_TOPICS, TURNS)
def test_it_never_raises_and_scores_are_shares(
    topics: list[tuple[str, str, tuple[str, ...]]], turns: list[str]
) -> None:
    judged = LocalRouter(topics).judge(turns)
    assert [score.name for score in judged.scores] == [name for name, _, _ in topics]
    assert all(0 <= score.value < 1 and len(score.words) <= MOST_SHOWN for score in judged.scores)
    chosen = [score.value for score in judged.scores if score.name == judged.choice]
    assert all(value >= FIT for value in chosen)
    assert bool(chosen) == any(score.value >= FIT for score in judged.scores)


@given(st.permutations([*SEED, *TOPICS]), TURNS)
def test_the_order_of_the_preferences_changes_no_score(
    topics: list[tuple[str, str, tuple[str, ...]]], turns: list[str]
) -> None:
    straight = {score.name: score for score in LocalRouter([*SEED, *TOPICS]).judge(turns).scores}
    assert {score.name: score for score in LocalRouter(topics).judge(turns).scores} == straight


@given(TURNS)
def test_it_remembers_nothing_of_what_it_has_judged(turns: list[str]) -> None:
    first = ROUTER.judge(turns)
    ROUTER.judge(["prove the lemma", "write a poem"])
    assert ROUTER.judge(turns) == first == LocalRouter(SEED).judge(turns)


@given(st.lists(SAID.filter(str.strip), min_size=1, max_size=3))
def test_what_was_said_before_a_wish_of_its_own_does_not_count(before: list[str]) -> None:
    wish = "Review the locking in src/pool.py for bugs and tell me what you find; do not change anything yet, please."
    assert ROUTER.judge([wish, *before]) == ROUTER.judge([wish])


JUDGES: Final = """
import sys
from tests.rules.labelled.measured import measure
for prompt, judged in zip(measure("tuning").prompts, measure("tuning").judged):
    print(prompt.id, judged)
"""


def test_it_does_not_hang_on_the_order_of_sets() -> None:
    said = {
        subprocess.run(
            [sys.executable, "-c", JUDGES],
            capture_output=True,
            check=True,
            cwd=TOP,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": f"{TOP}/addons:{TOP}"},
        ).stdout
        for seed in ("0", "1", "12345")
    }
    assert len(said) == 1
    assert said.pop().count(b"\n") == len(measure("tuning").prompts)


# --- what it costs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", ("prove it. ", "a ", "证明", "x=1;\n", "\n", "a/b ", "((((", "'", "```\n", "- "))
def test_a_prompt_of_any_size_is_read_to_the_same_bound(unit: str) -> None:
    for count in (1_000, 100_000):
        said = clipped(unit * count)
        assert len(said.encode()) <= MOST
        assert len(wording.read(said).words) <= wording.MOST_WORDS


def test_a_bounded_text_loses_no_word_to_the_bound_of_words() -> None:
    """The end of a turn is read as well as its beginning, however short its words are."""
    assert wording.read(clipped("a " * 50_000 + "zebra")).words[-1].said == "zebra"
    assert wording.read(clipped("证" * 50_000 + "明")).words[-1].said == "明"


def test_an_index_remembers_so_many_words_and_no_more() -> None:
    index = lexicon.family_index()
    for block in range(20):
        index.hits(wording.read(" ".join(f"w{block}x{number}" for number in range(900))))
    assert len(index._known) <= lexicon.MOST_KNOWN


def test_the_labels_are_the_preferences_of_the_seed() -> None:
    assert [*(name for name, _, _ in SEED), "none"] == list(LABELS)
