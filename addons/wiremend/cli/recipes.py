"""What single agents need beyond environment variables: flags, and copies of their configuration files.

:mod:`wiremend.cli.agents` holds the table; here is the code behind the entries that a table cannot say. Each recipe is
a function from a :class:`Launch` (what is known) to a :class:`Change` (what to do), and reads the user's files without
ever writing them. Where an agent merges settings (``--settings``, ``-c``, ``OPENCODE_CONFIG_CONTENT``, a file of system
settings) the recipe adds a layer on top. Where it knows one folder only, an :class:`Overlay` stands in for that folder:
every entry is a link to the user's own, but for the one file that must differ.

Measured on loopback, 2026-11, with Claude Code 2.1.197, Codex 0.169.0, OpenCode 1.18.33, qwen-code 0.15.10, kimi-code
2.1.0, pi 0.73.1, Hermes 0.19.0 and Cline 3.0.65.
"""

from __future__ import annotations

import itertools
import json
import re
import shutil
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import yaml

from wiremend.mitm.trust import write_private

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

type Style = Literal["gateway", "proxy"]
type Json = dict[str, Any]

SERVED: Final = {
    "anthropic": "ANTHROPIC_API_KEY",
    "openai": "OPENAI_API_KEY",
    "openrouter": "OPENROUTER_API_KEY",
    "deepseek": "DEEPSEEK_API_KEY",
    "moonshotai": "MOONSHOT_API_KEY",
    "moonshotai-cn": "MOONSHOT_API_KEY",
    "kimi-for-coding": "KIMI_API_KEY",
    "zai": "ZHIPU_API_KEY",
}
"""Providers by the id that models.dev gives them (OpenCode, pi), and the variable that switches each on in OpenCode."""

_PROVIDER_TABLE: Final = re.compile(r"""\s*\[\s*providers\s*\.\s*([\w-]+|"[^"]*"|'[^']*')\s*\]\s*(#.*)?""")
"""The header of one provider's table in kimi-code's config.toml: ``[providers."managed:kimi-code"]``."""

_PI_NAMES: Final = {"kimi-for-coding": "kimi-coding"}
_PI_BARE: Final = frozenset({"anthropic", "kimi-coding"})


@dataclass(frozen=True, slots=True)
class Launch:
    """What a recipe may look at.

    ``base`` is the proxy's URL without a path. ``set_so_far`` are the variables that the table sets for this style.
    ``folder`` is private and empty for this agent; ``cwd`` is where the agent will run.
    """

    style: Style
    base: str
    environ: Mapping[str, str]
    set_so_far: Mapping[str, str]
    argv: Sequence[str]
    folder: Path
    cwd: Path

    @property
    def v1(self) -> str:
        """The base URL in the form that most SDKs want."""
        return f"{self.base}/v1"

    def path(self, variable: str, *default: str) -> Path:
        """Give the folder or file that a variable names, else the place below the home folder."""
        named = self.environ.get(variable)
        return Path(named).expanduser() if named else self.home.joinpath(*default)

    @property
    def home(self) -> Path:
        """The user's home folder."""
        return Path(self.environ.get("HOME") or Path.home())


@dataclass(frozen=True, slots=True)
class Overlay:
    """A folder that stands in for one of the user's: links to all entries, and ``ours`` (name -> content) as files."""

    original: Path
    folder: Path
    ours: Mapping[str, bytes]

    def make(self) -> Overlay:
        """Write it; ``original`` need not exist."""
        self.folder.mkdir(mode=0o700, parents=True)
        for entry in self.original.iterdir() if self.original.is_dir() else ():
            if entry.name not in self.ours:
                (self.folder / entry.name).symlink_to(entry.absolute())
        for name, content in self.ours.items():
            write_private(self.folder / name, content)
        return self

    def settle(self) -> list[str]:
        """Bring home what the agent wrote; gives what the user should know.

        Writes through a link are home already. New entries, and files that replaced their link (programs that write a
        temporary file and rename it do that: a refreshed login, for one), are moved; a new folder that another run has
        made at home meanwhile is joined with it.
        """
        notes = []
        for entry in sorted(self.folder.iterdir()):
            home = self.original / entry.name
            if entry.name in self.ours:
                if entry.read_bytes() != self.ours[entry.name]:
                    notes.append(f"the agent ran on a copy of {home}; what it changed there was not kept")
            elif entry.is_symlink():
                continue
            elif entry.is_dir() and home.is_dir():
                shutil.copytree(entry, home, symlinks=True, dirs_exist_ok=True)
            elif not home.is_dir():
                self.original.mkdir(mode=0o700, parents=True, exist_ok=True)
                shutil.move(entry, home)
        return notes


@dataclass(frozen=True, slots=True)
class Change:
    """What a recipe adds: variables, flags right behind the program's name, notes for the user, overlays to settle."""

    environ: Mapping[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    overlays: tuple[Overlay, ...] = ()


def claude(launch: Launch) -> Change:
    """Keep the ``env`` of Claude Code's own settings files from overruling ours.

    They win over the process environment (measured), and people who use Kimi's endpoint keep ANTHROPIC_BASE_URL there.
    ``--settings`` wins over them; of two, the last counts, so the user's own is left alone.
    """
    config = launch.path("CLAUDE_CONFIG_DIR", ".claude")
    project = launch.cwd / ".claude"
    files = [config / "settings.json", project / "settings.json", project / "settings.local.json"]
    theirs = {name for file in files for name in _mapping(read_json(file).get("env"))}
    overruled = {name: value for name, value in launch.set_so_far.items() if name in theirs}
    if not overruled:
        return Change()
    if any(word.partition("=")[0] == "--settings" for word in launch.argv):
        return Change(notes=(f"your settings set {', '.join(sorted(overruled))}, and your --settings keeps ours out",))
    return Change(flags=("--settings", json.dumps({"env": overruled})))


def codex(launch: Launch) -> Change:
    """Point Codex's built-in provider and each of the user's own at the gateway, by ``-c``; CODEX_HOME stays theirs.

    ``model_providers.openai`` cannot be overridden (the built-in ids are reserved), ``openai_base_url`` can.
    """
    if launch.style == "proxy":
        return Change()
    config = launch.path("CODEX_HOME", ".codex") / "config.toml"
    names = [name for name in _mapping(read_toml(config).get("model_providers")) if re.fullmatch(r"[\w-]+", name)]
    keys = ["openai_base_url", *(f"model_providers.{name}.base_url" for name in names)]
    return Change(flags=tuple(word for key in keys for word in ("-c", f'{key}="{launch.v1}"')))


def opencode(launch: Launch) -> Change:
    """Give each provider that OpenCode would offer our base URL, as the layer above all its files.

    A provider that the layer names is offered even without a key, so only those that are configured, logged in, keyed
    by a variable or asked for are named. OpenCode wants ``/v1`` on every wire.
    """
    if launch.style == "proxy":
        return Change()
    config = launch.path("XDG_CONFIG_HOME", ".config") / "opencode"
    data = launch.path("XDG_DATA_HOME", ".local", "share") / "opencode"
    names = ("opencode.json", "opencode.jsonc")
    files = [config / name for name in ("config.json", *names)]
    files += [place / name for place in (launch.cwd, *launch.cwd.parents) for name in names]
    if own := launch.environ.get("OPENCODE_CONFIG"):
        files.append(Path(own))
    content = parse_json(launch.environ.get("OPENCODE_CONFIG_CONTENT", ""))
    found = {name for layer in (*map(read_json, files), content) for name in _mapping(layer.get("provider"))}
    found |= read_json(data / "auth.json").keys()
    found |= {name for name, variable in SERVED.items() if launch.environ.get(variable)}
    found |= set(_model_asked(launch.argv))
    providers = _mapping(content.get("provider"))
    for name in sorted(found):
        provider = _mapping(providers.get(name))
        providers[name] = provider | {"options": _mapping(provider.get("options")) | {"baseURL": launch.v1}}
    return Change({"OPENCODE_CONFIG_CONTENT": json.dumps({**content, "provider": providers})})


def qwen(launch: Launch) -> Change:
    """Rewrite qwen-code's ``modelProviders``, whose base URLs win over the variables, in its system settings layer."""
    if launch.style == "proxy":
        return Change()
    variable = "QWEN_CODE_SYSTEM_SETTINGS_PATH"
    system = read_json(Path(launch.environ.get(variable) or "/etc/qwen-code/settings.json"))
    layers = [read_json(folder / ".qwen" / "settings.json") for folder in (launch.home, launch.cwd)]
    providers: Json = {}
    for layer in (*layers, system):
        providers |= _mapping(layer.get("modelProviders"))
    if not providers:
        return Change()
    moved = {
        kind: [{**model, "baseUrl": launch.base if kind == "anthropic" else launch.v1} for model in models]
        for kind, models in providers.items()
    }
    target = launch.folder / "qwen-settings.json"
    write_private(target, json.dumps({**system, "modelProviders": moved}).encode())
    return Change({variable: str(target)})


def kimi(launch: Launch) -> Change:
    """Give each ``[providers.*]`` of kimi-code's config.toml our base URL, in a stand-in for its folder."""
    if launch.style == "proxy":
        return Change()
    home = launch.path("KIMI_CODE_HOME", ".kimi-code")
    text = _text(home / "config.toml")
    if not text:
        return Change()
    lines: list[str] = []
    inside = False
    for line in text.splitlines():
        if line.lstrip().startswith("["):
            inside = _PROVIDER_TABLE.fullmatch(line) is not None
            lines += [line, f'base_url = "{launch.v1}"'] if inside else [line]
        elif not (inside and re.match(r"\s*base_url\s*=", line)):
            lines.append(line)
    return _stand_in(launch, "KIMI_CODE_HOME", home, {"config.toml": "\n".join([*lines, ""])})


def pi(launch: Launch) -> Change:
    """Override base URLs in pi's models.json, the built-in providers' too, in a stand-in for its folder."""
    if launch.style == "proxy":
        return Change()
    home = launch.path("PI_CODING_AGENT_DIR", ".pi", "agent")
    models = read_json(home / "models.json")
    providers = _mapping(models.get("providers"))
    for name in (_PI_NAMES.get(name, name) for name in SERVED):
        providers.setdefault(name, {})
    for name, provider in providers.items():
        bare = provider.get("api") == "anthropic-messages" or (name in _PI_BARE and "api" not in provider)
        provider["baseUrl"] = launch.base if bare else launch.v1
    content = json.dumps({**models, "providers": providers})
    return _stand_in(launch, "PI_CODING_AGENT_DIR", home, {"models.json": content})


def hermes(launch: Launch) -> Change:
    """Rewrite every base URL in Hermes' config.yaml, and in its .env, which overrules the environment."""
    if launch.style == "proxy":
        return Change()
    home = launch.path("HERMES_HOME", ".hermes")
    files: dict[str, str] = {}
    try:
        config = _mapping(yaml.safe_load(_text(home / "config.yaml")))
    except yaml.YAMLError:
        config = {}
    if config:
        for key in ("model", "providers", "custom_providers"):
            _replace(config.get(key), "base_url", launch.v1)
        files["config.yaml"] = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
    if variables := _text(home / ".env"):
        ours = {f"{name}=": value for name, value in launch.set_so_far.items()}
        lines = (line.removeprefix("export ") for line in variables.splitlines())
        files[".env"] = "\n".join(
            next((f"{start}{value}" for start, value in ours.items() if line.startswith(start)), line) for line in lines
        )
    return _stand_in(launch, "HERMES_HOME", home, files) if files else Change()


def cline(launch: Launch) -> Change:
    """Keep Cline in one process, and give it a copy of its providers' file with our base URL.

    Without the first it leaves a hub running, which would hold on to this run's variables. A provider without a key of
    its own (a login) is left alone: its tokens are renewed in that file.
    """
    local = {"CLINE_SESSION_BACKEND_MODE": "local"}
    if launch.style == "proxy":
        return Change(local)
    data = launch.path("CLINE_DATA_DIR", *((".cline", "data") if not launch.environ.get("CLINE_DIR") else ()))
    if not launch.environ.get("CLINE_DATA_DIR") and launch.environ.get("CLINE_DIR"):
        data = launch.path("CLINE_DIR") / "data"
    variable = "CLINE_PROVIDER_SETTINGS_PATH"
    original = Path(launch.environ.get(variable) or data / "settings" / "providers.json")
    content = read_json(original)
    for provider in _mapping(content.get("providers")).values():
        settings = _mapping(provider.get("settings"))
        if settings.get("apiKey"):
            settings["baseUrl"] = launch.v1
    if not content:
        return Change(local)
    target = launch.folder / "cline-providers.json"
    write_private(target, json.dumps(content).encode())
    return Change({**local, variable: str(target)})


def read_json(path: Path) -> Json:
    """Read a JSON object from a file, comments and trailing commas allowed; ``{}`` where there is none."""
    return parse_json(_text(path))


def parse_json(text: str) -> Json:
    """Read a JSON object, comments and trailing commas allowed; ``{}`` where it is none."""
    bare = re.sub(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', lambda match: match[1] or " ", text, flags=re.DOTALL)
    bare = re.sub(r'("(?:\\.|[^"\\])*")|,(?=\s*[}\]])', lambda match: match[1] or "", bare)
    try:
        return _mapping(json.loads(bare))
    except ValueError:
        return {}


def read_toml(path: Path) -> Json:
    """Read a TOML file; ``{}`` where there is none, or none that can be read."""
    try:
        return tomllib.loads(_text(path))
    except tomllib.TOMLDecodeError:
        return {}


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _mapping(value: object) -> Json:
    """Give the value itself where it is an object, so that edits reach it, else an empty one."""
    return value if isinstance(value, dict) else {}


def _replace(value: object, key: str, new: str) -> None:
    """Replace the text under ``key`` wherever it stands below ``value``."""
    if isinstance(value, list):
        for item in value:
            _replace(item, key, new)
    elif isinstance(value, dict):
        for name, item in value.items():
            if name == key and isinstance(item, str):
                value[name] = new
            else:
                _replace(item, key, new)


def _model_asked(argv: Iterable[str]) -> list[str]:
    """Give the provider of ``-m provider/model`` (or ``--model``), if the command line asks for one."""
    parts = (word.partition("=")[::2] for word in argv)
    pairs = [*itertools.pairwise(argv), *parts]
    return [value.partition("/")[0] for flag, value in pairs if flag in {"-m", "--model"} and "/" in value]


def _stand_in(launch: Launch, variable: str, original: Path, files: Mapping[str, str]) -> Change:
    ours = {name: text.encode() for name, text in files.items()}
    overlay = Overlay(original, launch.folder / variable.lower(), ours).make()
    return Change({variable: str(overlay.folder)}, overlays=(overlay,))
