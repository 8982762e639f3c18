"""mitmweb's own HTTP interface, as its page uses it: flows, commands, edits, resuming."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any, Final

from tests.lab import Client, Mitm

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PASSWORD: Final = "web-password"


def free_port() -> int:
    """Give a port that is free now: mitmweb does not tell which one it took by itself."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Web(Mitm):
    """A mitmweb process, and its HTTP interface."""

    def __init__(self, rules: str, *, options: Mapping[str, object] | None = None, **rest: Any) -> None:  # noqa: ANN401 - those of the proxy
        """Prepare it, on a port of its own."""
        self.web_port = free_port()
        ours = {"web_port": self.web_port, "web_password": PASSWORD}
        super().__init__(rules, program="mitmweb", options={**ours, **(options or {})}, **rest)

    def ask(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - any JSON
        """Ask the page's interface; gives the JSON that it answers with, None where it has nothing to say."""
        said = self.say(method, path, body)
        return json.loads(said) if said else None

    def say(self, method: str, path: str, body: object = None) -> str:
        """Ask the page's interface; gives the text that it answers with."""
        headers = {"host": f"127.0.0.1:{self.web_port}", "authorization": f"Bearer {PASSWORD}"}
        headers |= {"cookie": "_mitmproxy_xsrf=aa; _xsrf=aa", "x-xsrftoken": "aa"}  # as its page does
        data = b""
        if body is not None:
            data, headers["content-type"] = json.dumps(body).encode(), "application/json"
        with Client.plain(self.web_port) as client:
            response = client.request(method, path, headers, data)
            said = response.read().decode()
            if response.status not in {200, 204}:
                raise AssertionError(f"{method} {path}: {response.status} {said}")
        return said

    def run(self, command: str, *arguments: str) -> Any:  # noqa: ANN401 - what a command gives
        """Run a command; gives its value, or the text of its error."""
        answer = self.ask("POST", f"/commands/{command}", {"arguments": arguments})
        return answer["error"] if "error" in answer else answer["value"]

    def flows(self) -> list[dict[str, Any]]:
        """Give the flows of the list."""
        found: list[dict[str, Any]] = self.ask("GET", "/flows")
        return found

    def flow(self, which: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Wait for a flow of the list of which something holds."""
        return self._watch(lambda: next((one for one in self.flows() if which(one)), None), "a flow", 10.0)

    def text(self, flow: str, part: str) -> str:
        """Give the content of a flow's request or response, as the list has it."""
        return self.say("GET", f"/flows/{flow}/{part}/content.data")
