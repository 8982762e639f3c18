"""What ``mitmdump -s addons/wiremend_addon.py`` loads: the list of addons, and nothing else.

mitmproxy puts the folder of this file on ``sys.path``, so that ``wiremend`` is found beside it: in a checkout
(``addons/``), in an editable install and in the wheel (``site-packages/``) alike. What Wiremend itself needs has to be
installed for the Python that runs mitmproxy. mitmproxy's standalone binaries carry a Python of their own, to which
nothing can be added; whoever uses one is told so here, with the command that helps.
"""

from __future__ import annotations

import sys

_INSTALL = """\
  in a checkout:  make setup, then .venv/bin/mitmdump -s addons/wiremend_addon.py
  anywhere:       pip install wiremend, in the environment that mitmproxy is installed in"""


def _explain(error: ImportError) -> str:
    """Say in one message what is missing, why, and what to type."""
    if isinstance(error, ModuleNotFoundError):
        what = f"Wiremend needs the Python module {error.name!r}, which this mitmproxy cannot import."
    else:
        what = f"Wiremend does not fit what is installed here: {error}"
    if getattr(sys, "frozen", False):
        why = (
            "This is a standalone mitmproxy binary: it carries its own Python, to which nothing can be added."
            " Use a mitmproxy 12 or newer that is installed as a Python package:"
        )
    else:
        why = f"mitmproxy runs here on {sys.executable}. Wiremend needs mitmproxy 12 or newer and its own dependencies:"
    return f"{what}\n{why}\n{_INSTALL}"


try:
    from wiremend.mitm import load_addons
except ImportError as error:
    # The same type, so that mitmproxy treats it as what it is; the first error stays in sight as its cause.
    raise ImportError(_explain(error), name=error.name) from error

addons = load_addons()
