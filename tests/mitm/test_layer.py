"""mitmproxy's internals that one file of ours stands on; a release that changes them is told here by name."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from mitmproxy.options import Options
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import HttpLayer, HttpStream, _http1
from mitmproxy.test import tflow

from wiremend.mitm import layer, pressure, stream
from wiremend.mitm.house import House
from wiremend.mitm.reply import Reply
from wiremend.mitm.trailers import TrailerlessReader, drop_trailers

if TYPE_CHECKING:
    import pytest


def test_what_the_layers_stand_on_is_still_there() -> None:
    missing = layer.missing_internals() + pressure.missing_internals()
    assert not missing, f"this mitmproxy has no {', '.join(missing)}: wiremend/mitm/layer.py must be adapted to it"


def test_the_methods_that_are_overridden_still_take_what_ours_take() -> None:
    for ours, theirs, name in (
        (layer.ProxyLayer, HttpLayer, "make_stream"),
        (layer.ProxyStream, HttpStream, "handle_connect_regular"),
        (stream.WireStream, HttpStream, "_handle_event"),
        (stream.WireStream, HttpStream, "state_wait_for_response_headers"),
        (stream.WireStream, HttpStream, "start_response_stream"),
        (stream.WireStream, HttpStream, "handle_protocol_error"),
        (stream.WireStream, HttpStream, "handle_event"),
        (stream.WireStream, HttpStream, "make_server_connection"),
        (stream.WireStream, HttpStream, "send_response"),
        (layer.WireLayer, HttpLayer, "_handle_event"),
    ):
        wanted = list(inspect.signature(getattr(theirs, name)).parameters)
        assert list(inspect.signature(getattr(ours, name)).parameters) == wanted, (
            f"mitmproxy's {theirs.__name__}.{name} now takes {wanted}: wiremend/mitm/layer.py must be adapted to it"
        )


def test_without_them_mitmproxys_own_layer_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layer, "INTERNALS", ((HttpStream, ("a_name_that_is_gone",)),))
    assert layer.missing_internals() == ["HttpStream.a_name_that_is_gone"]
    context = _context()
    assert type(layer.proxy_layer(context, lambda _h, _p: True, lambda _h, _p: None, Reply(House()))) is HttpLayer


def test_with_them_it_is_ours() -> None:
    assert isinstance(
        layer.proxy_layer(_context(), lambda _h, _p: True, lambda _h, _p: None, Reply(House())), layer.ProxyLayer
    )


def test_of_a_long_stream_the_flow_keeps_the_beginning() -> None:
    kept = stream.Beginning()  # type: ignore[no-untyped-call]  # mitmproxy has no types here
    size = stream.STORED // 32 + 1
    for number in range(40):
        kept += bytes([number]) * size
    given = bytes(kept)
    assert len(given) == len(kept) == 32 * size
    assert given == b"".join(bytes([number]) * size for number in range(32))


def _context() -> Context:
    return Context(tflow.tclient_conn(), Options())


def test_the_reader_of_chunked_bodies_is_still_where_it_is_replaced() -> None:
    drop_trailers()
    assert _http1.ChunkedReader is TrailerlessReader, (  # type: ignore[attr-defined]  # it imports the name for itself
        "mitmproxy reads chunked bodies otherwise now: see whether it takes trailers, and wiremend/mitm/trailers.py"
    )
