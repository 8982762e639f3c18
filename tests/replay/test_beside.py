"""Values beside each other: plain ASCII, which has a fast way of its own, looks as any text of the same widths does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wiremend.replay.beside import beside, shortened

OTHERS = str.maketrans("ab", "éè")
"""Letters that take a column as well, and are no ASCII."""

TEXTS = st.text("ab…", max_size=60)


@given(TEXTS, TEXTS, TEXTS, TEXTS, st.integers(-1, 70))
def test_ascii_is_shown_as_other_letters_are(ahead: str, one: str, other: str, behind: str, room: int) -> None:
    values = [f"{ahead}{middle}{behind}" for middle in (one, other)]
    plain = beside(values[0], values[1], room)
    lettered = beside(values[0].translate(OTHERS), values[1].translate(OTHERS), room)
    assert [(side.text.translate(OTHERS), side.mark) for side in plain] == [(side.text, side.mark) for side in lettered]
    assert shortened(values[0], room).translate(OTHERS) == shortened(values[0].translate(OTHERS), room)


@given(TEXTS, st.sampled_from(("\n", "好", "\x1b", "e\u0301")), TEXTS, st.integers(0, 70))
def test_what_is_no_plain_ascii_is_still_shown_by_its_columns(ahead: str, odd: str, behind: str, room: int) -> None:
    shown = shortened(f"{ahead}{odd}{behind}", room)
    assert shown.isprintable()
    if len(ahead) + 1 >= room > 0:
        assert shown == f"{ahead[: room - 1]}…"
