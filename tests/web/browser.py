"""A headless Chromium and its pages: go somewhere, wait for a condition, click, type, read, take a picture.

Conditions are JavaScript that is looked at inside the page until it holds; nothing sleeps, and what never holds fails
with the page's text. Nothing but 127.0.0.1 can be reached. Pictures go to a folder of the test; where the environment
names one in ``WIREMEND_SHOTS``, they are kept there, for people to look at.
"""

from __future__ import annotations

import base64
import json
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from tests.web.devtools import DEADLINE, BrowserError, DevTools

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from tests.web.chromium import Chromium

WIDE: Final = (1400, 900)
NARROW: Final = (900, 700)

_FLAGS: Final = (
    "--headless",
    "--no-sandbox",  # a container's root may have none; the pages are ours
    "--remote-debugging-pipe",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--force-color-profile=srgb",
    "--mute-audio",
    "--no-default-browser-check",
    "--no-first-run",
)
_TURN: Final = 2.0
"""Seconds that one look at a condition may take; then it is asked for anew, because a page may have been replaced."""

_REPLACED: Final = ("context", "navigated", "collected")
"""What the protocol says where a page was replaced while it was looked at."""

_TAIL: Final = 3000
_WATCH: Final = """new Promise((done) => {
  const end = Date.now() + %d;
  const look = () => {
    let found = null;
    try { found = (%s); } catch (error) { found = null; }
    if (found) done(found instanceof Node ? true : found);
    else if (Date.now() > end) done(null);
    else setTimeout(look, 20);
  };
  look();
})"""
_PLACE: Final = """(() => {
  const it = (%s);
  if (!it) return null;
  it.scrollIntoView({block: "nearest", inline: "nearest"});
  const box = it.getBoundingClientRect();
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  const top = document.elementFromPoint(x, y);
  return top && (it.contains(top) || top.contains(it)) ? [x, y] : null;
})()"""


class Browser:
    """A browser with a profile of its own. Use as a context."""

    def __init__(self, chromium: Chromium) -> None:
        """Prepare; nothing runs yet."""
        self._chromium = chromium

    def __enter__(self) -> Self:
        """Start."""
        self._folder = tempfile.TemporaryDirectory(prefix="wiremend-browser-", ignore_cleanup_errors=True)
        home = Path(self._folder.name)
        own = {"HOME": str(home), "TMPDIR": str(home), "XDG_CONFIG_HOME": str(home), "XDG_CACHE_HOME": str(home)}
        self.tools = DevTools(
            [str(self._chromium.program), *_FLAGS, f"--user-data-dir={home / 'profile'}", "about:blank"],
            {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", **own, **self._chromium.environment},
            home / "log",
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        self.tools.close()
        self._folder.cleanup()

    def page(self, shots: Path, size: tuple[int, int] = WIDE) -> Page:
        """Open a page with nothing of other pages in it (cookies), whose pictures go to a folder."""
        context = self.tools.call("Target.createBrowserContext")["browserContextId"]
        target = self.tools.call("Target.createTarget", {"url": "about:blank", "browserContextId": context})["targetId"]
        attached = self.tools.call("Target.attachToTarget", {"targetId": target, "flatten": True})
        page = Page(self.tools, attached["sessionId"], context, shots)
        page.resize(*size)
        return page


class Page:
    """One page. Use as a context to close it."""

    def __init__(self, tools: DevTools, session: str, context: str, shots: Path) -> None:
        """Take over a page that was opened."""
        self._tools = tools
        self._session = session
        self._context = context
        self.shots = shots

    def __enter__(self) -> Self:
        """Use it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it; a failing test gets a picture of it."""
        if isinstance(error, Exception):
            error.add_note(f"the page, as it was: {self.shot('failed')}")
        self._tools.call("Target.disposeBrowserContext", {"browserContextId": self._context})

    def call(self, method: str, params: Mapping[str, object] | None = None) -> dict[str, Any]:
        """Ask for something of the protocol. Raises BrowserError."""
        return self._tools.call(method, params, self._session)

    def resize(self, width: int, height: int) -> None:
        """Give the page a size."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", size)

    def goto(self, url: str) -> None:
        """Go to a URL; what the page then does is waited for by conditions."""
        went = self.call("Page.navigate", {"url": url})
        if "errorText" in went:
            raise BrowserError(f"{url}: {went['errorText']}")

    def run(self, script: str) -> Any:  # noqa: ANN401 - any JSON
        """Evaluate JavaScript, a promise as well; gives its value, as JSON has it. Raises BrowserError."""
        given = {"expression": script, "returnByValue": True, "awaitPromise": True}
        done = self.call("Runtime.evaluate", given)
        if "exceptionDetails" in done:
            details = done["exceptionDetails"]
            raise BrowserError(str(details.get("exception", {}).get("description") or details.get("text")))
        return done["result"].get("value")

    def until(self, script: str, what: str = "") -> Any:  # noqa: ANN401 - any JSON
        """Wait until an expression is something that counts as true, and give it; what it throws is a no."""
        end = time.monotonic() + DEADLINE
        found = None
        while not found:
            try:
                found = self.run(_WATCH % (_TURN * 1000, script))
            except BrowserError as error:
                said = str(error)
                if not any(word in said for word in _REPLACED):
                    raise
            else:
                said = "it never came"
            if not found and time.monotonic() > end:
                raise BrowserError(f"waited for {what or script}: {said}\n--- the page\n{self.text()[-_TAIL:]}")
        return found

    def text(self, selector: str = "body") -> str:
        """Give the text that is shown in the first element that matches; empty where there is none."""
        return str(self.run(f"(document.querySelector({json.dumps(selector)})?.innerText) ?? ''"))

    def click(self, element: str, what: str = "") -> None:
        """Click, with the mouse, what an expression gives, once it is there and nothing lies above it."""
        x, y = self.until(_PLACE % element, f"something to click on: {what or element}")
        for kind in ("mousePressed", "mouseReleased"):
            at = {"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1}
            self.call("Input.dispatchMouseEvent", at)

    def type(self, text: str) -> None:
        """Type into what has the focus."""
        self.call("Input.insertText", {"text": text})

    def press(self, key: str, code: int) -> None:
        """Press a key: its name, and the number that Windows has for it, which is what the protocol asks for."""
        for kind in ("rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", {"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code})

    def shot(self, name: str) -> Path:
        """Take a picture of what is in sight, into ``NAME.png``."""
        data = base64.b64decode(self.call("Page.captureScreenshot", {"format": "png"})["data"])
        self.shots.mkdir(parents=True, exist_ok=True)
        path = self.shots / f"{name}.png"
        path.write_bytes(data)
        return path
