"""The house of Wiremend: imports point one way, and each module stands in a room that the table below names.

The checker reads every module's source, so it sees imports inside functions and under ``TYPE_CHECKING``, relative ones,
and ``import_module("…")`` with a literal name. It is shown to work on planted trees, one for each law, before it judges
the real one. Who adds a room adds a line to :data:`FLOORS`; who needs an import that the table forbids has found that
the house is wrong, and mends the table first.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

import pytest

ADDONS = Path(__file__).parents[1] / "addons"
ENTRIES = {"wiremend", "wiremend_addon.py"}
"""All that may lie in addons/: mitmproxy makes each module in a script's folder a global name."""

FLOORS: tuple[tuple[str, ...], ...] = (
    ("wiremend_addon", "cli"),
    ("mitm",),
    ("explain",),
    ("replay",),
    ("pipeline",),
    ("rules", "captures", "ledger"),
    ("protocols", "quirks"),
    ("sequencer",),
    (
        "events",
        "message",
        "jsonedit",
        "jsonnumber",
        "jsontext",
        "sse",
        "codings",
        "headers",
        "families",
        "notes",
        "errors",
    ),
)
"""From the roof down. A room imports itself and the floors below it, never a neighbour; on the ground floor, the last
line, neighbours may import each other as long as they do not go round in a circle. ``wiremend`` itself, which holds the
version, imports nothing and is imported by anyone."""

QUIRK_TOOLS = {"amend", "memory", "presets", "schema_tree", "schema_merge", "schema_moonshot"}
"""Modules of quirks/ that hold no quirk, but what several of them work with."""

KNOWS_MITMPROXY = {"wiremend_addon", "cli", "mitm"}

GROUND = FLOORS[-1]
FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


@dataclass(frozen=True, slots=True)
class Import:
    """One name that a module imports: who, what (dotted, made absolute), and the line it stands on."""

    importer: str
    target: str
    line: int


def modules_of(root: Path) -> dict[str, Path]:
    """Find every module below an import root: dotted name -> file. A package goes by its folder's name."""
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def room_of(module: str) -> str | None:
    """Name the room of a module; ``wiremend`` for the package itself, None for what is not ours."""
    first, _, rest = module.partition(".")
    if first == "wiremend":
        return rest.partition(".")[0] or "wiremend"
    return first if first == "wiremend_addon" else None


def imports_of(module: str, path: Path, known: dict[str, Path]) -> list[Import]:
    """List what a module imports. ``from x import y`` means the module ``x.y`` where there is one, else ``x``."""
    found = []
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        match node:
            case ast.Import(names=names):
                targets = [alias.name for alias in names]
            case ast.ImportFrom(module=source, names=names, level=level):
                base = package.split(".")[: len(package.split(".")) - level + 1] if level else []
                origin = ".".join([*base, *([source] if source else [])])
                full = [f"{origin}.{alias.name}" for alias in names]
                targets = [name if name in known else origin for name in full]
            case ast.Call(
                func=ast.Name(id="__import__" | "import_module") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                targets = [name]
            case _:
                continue
        found += [Import(module, target, node.lineno) for target in dict.fromkeys(targets)]
    return found


def objection(found: Import, known: dict[str, Path]) -> str | None:
    """Say which law an import breaks, if any. A room that is in no table is reported elsewhere."""
    here, there = room_of(found.importer), room_of(found.target)
    if here in KNOWS_MITMPROXY or found.target.partition(".")[0] != "mitmproxy":
        if here not in FLOOR_OF or there not in FLOOR_OF:
            return None
        ground = here in GROUND and there in GROUND
        if here != there and not ground and FLOOR_OF[here] >= FLOOR_OF[there]:
            return f"{here} may import the floors below it only, and {there} is not below"
        return _protocol_objection(found, known) or _quirk_objection(found)
    return f"only {', '.join(sorted(KNOWS_MITMPROXY))} may import mitmproxy"


def _protocol_objection(found: Import, known: dict[str, Path]) -> str | None:
    """Keep the folders of protocols/ apart: each knows itself and the plain modules beside the folders."""

    def part(module: str) -> str | None:
        """Name the folder or plain module of protocols/ that a module is in; "" for protocols itself."""
        first, second, *rest = [*module.split("."), ""]
        return (rest[0] if rest else "") if (first, second) == ("wiremend", "protocols") else None

    def is_folder(name: str) -> bool:
        return known.get(f"wiremend.protocols.{name}", Path()).name == "__init__.py"

    mine, theirs = part(found.importer), part(found.target)
    if not mine or theirs is None or mine == theirs or not is_folder(mine):
        return None
    # protocols itself counts as another: it imports them all.
    return "a protocol never imports another protocol" if not theirs or is_folder(theirs) else None


def _quirk_objection(found: Import) -> str | None:
    """Keep each quirk to quirks.base and the ground floor; the registry and the base follow the floors alone."""
    if room_of(found.importer) != "quirks" or found.importer in {"wiremend.quirks", "wiremend.quirks.base"}:
        return None
    if found.target == "wiremend.quirks.base" or room_of(found.target) in GROUND:
        return None
    if found.target.rpartition(".")[2] in QUIRK_TOOLS:
        return None
    return "a quirk imports quirks.base and the ground floor only"


def circles_among(found: list[Import]) -> list[str]:
    """Name each room of the ground floor that reaches itself through its neighbours."""
    edges: dict[str, set[str]] = {room: set() for room in GROUND}
    for one in found:
        here, there = room_of(one.importer), room_of(one.target)
        if here in edges and there in edges and here != there:
            edges[here].add(there)
    circles = []
    for room in GROUND:
        reached: set[str] = set()
        queue = list(edges[room])
        while queue:
            if (step := queue.pop()) not in reached:
                reached.add(step)
                queue += edges[step]
        if room in reached:
            circles.append(f"wiremend.{room}: imports itself through its neighbours on the ground floor")
    return circles


def entries(root: Path) -> set[str]:
    """List what lies in an import root, without caches and what is hidden: neither can be imported by name."""
    return {entry.name for entry in root.iterdir() if entry.name != "__pycache__" and not entry.name.startswith(".")}


def violations(root: Path) -> list[str]:
    """Judge a whole tree: one line a broken law, with module and line."""
    known = modules_of(root)
    extra = entries(root) - ENTRIES
    found = [f"addons/{name}: addons/ holds {' and '.join(sorted(ENTRIES))}, ever" for name in sorted(extra)]
    homeless = {module: room for module in known if (room := room_of(module)) not in {None, "wiremend", *FLOOR_OF}}
    found += [f"{module}: the room {room!r} is not in the table of this test" for module, room in homeless.items()]
    every = [one for module, path in known.items() if room_of(module) for one in imports_of(module, path, known)]
    for one in every:
        if one.importer == "wiremend" and room_of(one.target):
            found.append(
                f"{one.importer}:{one.line}: imports {one.target}: the package itself imports none of its rooms"
            )
        elif text := objection(one, known):
            found.append(f"{one.importer}:{one.line}: imports {one.target}: {text}")
    return found + circles_among(every)


def test_imports_point_one_way() -> None:
    assert "\n".join(violations(ADDONS)) == ""


def test_addons_holds_one_package_and_one_script() -> None:
    assert entries(ADDONS) == ENTRIES


def plant(root: Path, files: dict[str, str]) -> Path:
    """Write a tree of modules with empty ``__init__.py`` files where they are missing."""
    for name, source in {"wiremend/__init__.py": "", "wiremend_addon.py": "", **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
        for folder in path.relative_to(root).parents[:-1]:
            (root / folder / "__init__.py").touch()
    return root


GOOD = {
    "wiremend_addon.py": "from wiremend.mitm import load_addons\n",
    "wiremend/cli/run.py": "import mitmproxy\nfrom wiremend import __version__, mitm\nimport wiremend.rules.load\n",
    "wiremend/mitm/layer.py": "from mitmproxy.proxy import layers\nfrom wiremend.pipeline import run\n",
    "wiremend/rules/load.py": "from . import compile\nfrom .. import errors\nimport yaml\n",
    "wiremend/rules/compile.py": "",
    "wiremend/protocols/__init__.py": "from wiremend.protocols import chat, messages\n",
    "wiremend/protocols/base.py": "from wiremend.events import Event\n",
    "wiremend/protocols/chat/stream.py": "from wiremend.protocols.chat import errors\nfrom ..base import Wire\n",
    "wiremend/protocols/chat/errors.py": "",
    "wiremend/protocols/messages/stream.py": "from wiremend.protocols.base import Wire\nfrom ...sequencer import x\n",
    "wiremend/quirks/__init__.py": "from wiremend.quirks import base, empty_id\n",
    "wiremend/quirks/base.py": "from wiremend.message import Part\n",
    "wiremend/quirks/empty_id.py": "from wiremend.quirks.base import Quirk\nfrom wiremend import notes\n",
    "wiremend/sequencer.py": "from wiremend.events import Event\n",
    "wiremend/pipeline.py": "from wiremend.protocols import chat\n",
    "wiremend/events.py": "from wiremend.message import Usage\n",
    "wiremend/message.py": "from wiremend.errors import WiremendError\n",
    "wiremend/errors.py": "",
    "wiremend/notes.py": "",
}
"""One tree in which each law is kept, some of them only just."""


def test_a_good_house_is_left_alone(tmp_path: Path) -> None:
    assert violations(plant(tmp_path, GOOD)) == []


@pytest.mark.parametrize(
    ("name", "source", "expected"),
    (
        ("rules/up.py", "import wiremend.pipeline", "rules may import the floors below it only, and pipeline"),
        ("rules/up.py", "def f():\n    from wiremend.mitm import layer", "rules may import the floors below it only"),
        (
            "events.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from wiremend.sequencer import Sequencer",
            "wiremend.events:3: imports wiremend.sequencer: events may import the floors below it only",
        ),
        ("mitm/up.py", "from .. import cli", "mitm may import the floors below it only, and cli"),
        ("captures/store.py", "from wiremend.rules.load import load", "captures may import the floors below it only"),
        (
            "protocols/base.py",
            "from wiremend.quirks.base import Quirk",
            "protocols may import the floors below it only",
        ),
        ("rules/up.py", "import importlib\nimportlib.import_module('wiremend.replay')", "and replay is not below"),
        ("rules/up.py", "__import__('wiremend.cli.run')", "and cli is not below"),
        ("pipeline.py", "import mitmproxy.http", "only cli, mitm, wiremend_addon may import mitmproxy"),
        ("pipeline.py", "from mitmproxy import http", "only cli, mitm, wiremend_addon may import mitmproxy"),
        ("protocols/chat/up.py", "from wiremend.protocols.messages import stream", "a protocol never imports another"),
        ("protocols/chat/up.py", "from ..messages.stream import feed", "a protocol never imports another protocol"),
        (
            "protocols/chat/up.py",
            "from wiremend.protocols import messages",
            "a protocol never imports another protocol",
        ),
        ("protocols/chat/up.py", "from wiremend.protocols import WIRES", "a protocol never imports another protocol"),
        (
            "quirks/bad.py",
            "from wiremend.quirks.empty_id import mend",
            "a quirk imports quirks.base and the ground floor",
        ),
        (
            "quirks/bad.py",
            "from wiremend.sequencer import Sequencer",
            "a quirk imports quirks.base and the ground floor",
        ),
        ("quirks/bad.py", "from wiremend.quirks import REGISTRY", "a quirk imports quirks.base and the ground floor"),
        ("attic.py", "", "wiremend.attic: the room 'attic' is not in the table"),
        ("attic/box.py", "", "wiremend.attic.box: the room 'attic' is not in the table"),
        ("errors.py", "from wiremend.events import Event", "wiremend.errors: imports itself through its neighbours"),
        ("__init__.py", "from wiremend.errors import WiremendError", "the package itself imports none of its rooms"),
        ("../openai.py", "", "addons/openai.py: addons/ holds wiremend and wiremend_addon.py, ever"),
        ("../helpers/x.py", "", "addons/helpers: addons/ holds wiremend and wiremend_addon.py, ever"),
    ),
)
def test_a_planted_violation_is_found(name: str, source: str, expected: str, tmp_path: Path) -> None:
    found = violations(plant(tmp_path, {**GOOD, f"wiremend/{name}": source}))
    assert expected in "\n".join(found)
