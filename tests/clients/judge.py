"""The parsers of the JavaScript world, as judges of a reply's bytes: the Vercel AI SDK and the official node SDKs.

One ``node`` process runs ``judge.mjs`` and answers a line for a line; it opens no socket.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from tests.oracles import Verdict

if TYPE_CHECKING:
    from types import TracebackType

    from tests.oracles import Served

SCRIPT: Final = Path(__file__).with_name("judge.mjs")

ORACLES: Final = {
    "messages": ("ai-sdk/anthropic", "anthropic-node"),
    "chat": ("ai-sdk/openai-compatible", "ai-sdk/openai", "openai-node"),
    "responses": ("ai-sdk/openai-responses", "openai-node/responses"),
}
"""Wire -> its judges."""


class Judge:
    """The node process. ``folder`` holds its ``node_modules``."""

    def __init__(self, folder: Path) -> None:
        """Start it; a module is looked for beside the script that asks for it, so the script is put there."""
        script = shutil.copy(SCRIPT, folder / SCRIPT.name)
        command = ("node", str(script))
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        """End the process."""
        self.process.communicate()

    def verdict(self, oracle: str, served: Served) -> Verdict:
        """Let one parser read a reply."""
        asked = {
            "oracle": oracle,
            "status": served.status,
            "type": served.kind,
            "whole": served.whole,
            "body": base64.b64encode(served.body).decode(),
        }
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the judge is gone"
        said = json.loads(line)
        calls = tuple((name, given) for name, given in said.get("tools", ()))
        used = said.get("usage")
        usage = (used[0], used[1]) if used else None
        return Verdict(
            said["ok"],
            said.get("text", ""),
            calls,
            said.get("finish"),
            said.get("error"),
            usage,
            said.get("cached"),
            said.get("thinking"),
        )
