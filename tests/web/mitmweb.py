"""mitmweb's page, as a person uses it: the list, a flow, the menu of views, the command bar."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tests.e2e.web_kit import PASSWORD

if TYPE_CHECKING:
    from tests.e2e.web_kit import Web
    from tests.web.browser import Page

_ENTER: Final = 13
_ROWS: Final = """[...document.querySelectorAll(".flow-table tbody tr.has-request")].map((row) => {
  const text = (name) => (row.querySelector(name)?.innerText ?? "").trim();
  return [text(".col-path .marker"), text(".col-comment"), text(".col-status")];
})"""
_SHOWN: Final = """(() => {
  const view = document.querySelector(".contentview");
  const [head, body] = [view.querySelector("h5").innerText, view.querySelector("pre")?.innerText ?? ""];
  return head !== "Loading..." && head.startsWith(%s) && body.includes(%s) ? [head, body] : null;
})()"""
_MORE: Final = """(() => {
  const body = document.querySelector(".contentview pre");
  if (body.innerText.includes(%s)) return "there";
  const button = [...body.querySelectorAll("button")].find((one) => one.innerText.includes("Show more"));
  if (!button) return null;
  button.click();
  return "more";
})()"""


@dataclass(frozen=True)
class Row:
    """A line of the list."""

    marker: str
    comment: str
    status: str


class MitmWeb:
    """A page that shows a mitmweb."""

    def __init__(self, web: Web, page: Page) -> None:
        """Take a page; it shows nothing yet."""
        self._web = web
        self._loads = 0
        self.page = page

    def open(self, flow: str = "", part: str = "request", *, bar: bool = False, log: bool = False) -> None:
        """Load the page: the list, and beside it a part of a flow; ``bar`` opens the command bar, ``log`` the log.

        A page that has its command bar open before it ever had its cookie is refused each command (mitmproxy 12.2).
        """
        if bar and not self._loads:
            self.open()
        shown = [name for name, wanted in (("e=true", log), ("c=true", bar)) if wanted]
        self._loads += 1  # what follows the hash alone would not load anything
        where = f"#/flows{f'/{flow}/{part}' if flow else ''}{'?' if bar or log else ''}{'&'.join(shown)}"
        self.page.goto(f"http://127.0.0.1:{self._web.web_port}/?token={PASSWORD}&load={self._loads}{where}")
        self.page.until("document.querySelector('.connection-indicator.established')", "the page to be connected")

    def rows(self, count: int) -> list[Row]:
        """Give the lines of the list, once there are so many, or more."""
        found = self.page.until(f"((rows) => rows.length >= {count} && rows)({_ROWS})", f"{count} lines")
        return [Row(*one) for one in found]

    def shown(self, part: str = "", view: str = "") -> str:
        """Give what the flow's content is shown as, once a view of this name shows something with this in it."""
        found = self.page.until(_SHOWN % (json.dumps(view), json.dumps(part)), f"{view or 'a view'} with {part!r}")
        return str(found[1])

    def more(self, part: str) -> str:
        """Let more of a long content be shown, until it has this in it; gives what is shown then."""
        while self.page.until(_MORE % json.dumps(part), f"{part!r}, or more of the content") == "more":
            pass
        return self.shown(part)

    def view(self) -> str:
        """Name the view that shows the content."""
        self.shown()
        return self.page.text(".contentview h5").strip()

    def search(self, expression: str, last: str) -> list[Row]:
        """Type a filter into the search field; gives the lines that are left, once the last is about ``last``."""
        self.page.click("document.querySelector('input[placeholder=Search]')", "the search field")
        self.page.type(expression)
        found = self.page.until(
            f"((rows) => rows.length && rows.at(-1)[1].startsWith({json.dumps(last)}) && rows)({_ROWS})", expression
        )
        return [Row(*one) for one in found]

    def choose(self, view: str, part: str = "") -> str:
        """Choose a view from the menu; gives what it shows, once that has a part in it."""
        self.page.click(
            '[...document.querySelectorAll(".contentview .controls a")].find((a) => a.innerText.includes("View:"))',
            "the menu of views",
        )
        name = json.dumps(view.lower())
        self.page.click(
            f'[...document.querySelectorAll(".dropdown-menu a")].find((a) => a.innerText.trim() === {name})', view
        )
        return self.shown(part, view)

    def command(self, line: str) -> Any:  # noqa: ANN401 - what a command gives
        """Type a command into the command bar, and give what it shows as the result: a value, or the error's text."""
        before = self.page.run('document.querySelectorAll(".command-result > div").length')
        self.page.click('document.querySelector(".command-input input")', "the command bar")
        self.page.type(line)
        self.page.press("Enter", _ENTER)
        found = self.page.until(
            f'document.querySelectorAll(".command-result > div")[{before}]?.innerText', f"the result of {line}"
        )
        told = str(found).removeprefix(f"$ {line}").strip()
        try:
            return json.loads(told)
        except ValueError:
            return told
