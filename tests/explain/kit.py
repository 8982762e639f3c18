"""What the tests of explanations share: an explained request, a JSON patch applied by other means, and all cases."""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.rules.kit import request, resolved
from wiremend.captures.case import find_cases, read_case
from wiremend.explain.request import explain, explain_capture
from wiremend.jsonedit import parse_pointer
from wiremend.replay.rules import FILE, Today

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wiremend.captures.capture import Capture
    from wiremend.explain.model import Explanation

TOP: Final = Path(__file__).parents[2]


def explained(rules: str, **asked: Any) -> Explanation:  # noqa: ANN401 - the parts of a request, as the kit of rules has them
    """Explain a request by the text of a rules file."""
    return explain(request(**asked), resolved(rules, offline=True))


def patched(document: Any, operations: Iterable[Mapping[str, Any]]) -> Any:  # noqa: ANN401 - any JSON
    """Apply a JSON patch as RFC 6902, section 4 says, and check that ``was`` is what was there."""
    made = [copy.deepcopy(document)]  # a list of one, so that the whole document has a place as well
    for one in operations:
        box: Any = made
        last: Any = 0
        for token in parse_pointer(one["path"]):
            box = box[last]
            last = int(token) if isinstance(box, list) else token
        present = last < len(box) if isinstance(box, list) else last in box
        if one["op"] != "add":
            assert present, one
            assert box[last] == one["was"], one
            assert type(box[last]) is type(one["was"]), one
        match one["op"]:
            case "add" if isinstance(box, list):
                assert 0 <= last <= len(box), one
                box.insert(last, copy.deepcopy(one["value"]))
            case "add" | "replace":
                box[last] = copy.deepcopy(one["value"])
            case "remove":
                del box[last]
            case other:
                raise AssertionError(other)
    assert len(made) == 1
    return made[0]


@cache
def of_case(name: str) -> Explanation:
    """Explain a case, once for all tests."""
    return explain_capture(*cases()[name])


@cache
def cases() -> dict[str, tuple[Capture, Today]]:
    """Give every case of the repository with the rules that count for it, by its name."""
    shipped = Today.load(TOP / FILE)
    found = {}
    for folder in find_cases(TOP / "captures"):
        own = folder / FILE
        today = Today.load(own) if own.is_file() else shipped
        found[folder.relative_to(TOP / "captures").as_posix()] = (read_case(folder).capture, today)
    return found
