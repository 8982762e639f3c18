"""The rooms that know mitmproxy. Everything else of Wiremend can be used, and is tested, without it.

:func:`load_addons` gives mitmproxy the addons in the order in which their hooks must run; one file holds one of them:

==============  =================================================================================================
``house``       the options, the rules in force and their reload; what the others ask
``settings``    mitmproxy's own options that Wiremend needs otherwise; the trust in upstream certificates
``gateway``     one port for both ways in: tells a base-URL request from a proxy request; who may come in
``layer``       what of this stands on mitmproxy's internals; ``stream``: one request and its reply on them
``tries``       what is done when a provider fails; ``choosing``: where to;
                ``running``: one request's tries; ``providers``: what is known of them
``adopt``       mitmproxy's own layers, made ours
``tunnel``      which hosts are decrypted; the machine's own proxy upstream; clients that refuse our certificate
``preferring``  which preference a conversation keeps, or a model chooses (``asking``), before it is decided
``outbound``    one request of our own to a provider, beside the traffic
``incoming``    a request as it came in, by which way
``rewrite``     a request, through :mod:`wiremend.pipeline.request`, and back into the flow
``websocket``   the messages of a WebSocket: mended both ways, one row a response
``reply``       a response: streamed, its failures told
``calls``       one row a call; ``timed`` counts our own share of its time
``remember``    begins and ends what is remembered of an exchange
``observe``     what of a response is seen as it streams through
``tape``        what goes by on one side of an exchange, with its cuts and times
``record``      what is written down of an exchange while it runs, and the raw capture that is made of it
``store``       the thread that scrubs captures and writes them down; ``scrubs``, ``shelf``: its scrubbers, its folder
``flows``       captures as flows of mitmproxy, and back; ``netstring`` is how files hold them
``originals``   what clients sent and what came of it, at hand for those who look
``listing``     the comment and the marker of each call in the flow list
``commands``    commands on flows; ``command_*``: their texts, sending again, errands, keys, holding a stream
``veil``        the rules' own secrets, out of sight once they have left
``recollect``   what captures tell a proxy that was started anew
``views``       LLM flows as mitmproxy's console and mitmweb show them
``alerts``      tells people, through Apprise, what happens to providers
``books``       writes finished calls down at once, and runs the threads of the ledger's sinks
``spans``       one OpenTelemetry span a call, where the standard variables ask for it
``endings``     what the layer asks; ``parting``: connections that tries leave behind; ``bodies``: those too large
``closing``     closes sockets that mitmproxy has forgotten to close
``draining``    many streams on one connection leave each other alone; ``pressure``: slow clients slow their upstreams
``status``      a private file with how the proxy fares, for `wiremend status`
``life``        says that the proxy listens, how agents are pointed at it, and ends it with its parent
==============  =================================================================================================
"""

from __future__ import annotations


def load_addons() -> list[object]:
    """Give the addons for ``addons = […]`` of the script, sharing one :class:`~wiremend.mitm.house.House`."""
    # Imported here, so that `wiremend.mitm.trust` and `.process` can be had without half a second of mitmproxy.
    from wiremend.mitm.adopt import Adopt  # noqa: PLC0415 - as said above
    from wiremend.mitm.alerts import Alerting  # noqa: PLC0415 - as said above
    from wiremend.mitm.books import Books  # noqa: PLC0415 - as said above
    from wiremend.mitm.calls import Calls  # noqa: PLC0415 - as said above
    from wiremend.mitm.closing import Closing  # noqa: PLC0415 - as said above
    from wiremend.mitm.command_hold import Hold  # noqa: PLC0415 - as said above
    from wiremend.mitm.commands import Commands  # noqa: PLC0415 - as said above
    from wiremend.mitm.draining import Draining  # noqa: PLC0415 - as said above
    from wiremend.mitm.gateway import Gateway  # noqa: PLC0415 - as said above
    from wiremend.mitm.house import House  # noqa: PLC0415 - as said above
    from wiremend.mitm.life import Life  # noqa: PLC0415 - as said above
    from wiremend.mitm.preferring import Preferring  # noqa: PLC0415 - as said above
    from wiremend.mitm.remember import Remember  # noqa: PLC0415 - as said above
    from wiremend.mitm.reply import Reply  # noqa: PLC0415 - as said above
    from wiremend.mitm.rewrite import Rewrite  # noqa: PLC0415 - as said above
    from wiremend.mitm.settings import Settings  # noqa: PLC0415 - as said above
    from wiremend.mitm.spans import Spans  # noqa: PLC0415 - as said above
    from wiremend.mitm.status import StatusFile  # noqa: PLC0415 - as said above
    from wiremend.mitm.tries import Tries  # noqa: PLC0415 - as said above
    from wiremend.mitm.tunnel import Tunnel  # noqa: PLC0415 - as said above
    from wiremend.mitm.veil import Veil  # noqa: PLC0415 - as said above
    from wiremend.mitm.views import Views  # noqa: PLC0415 - as said above
    from wiremend.mitm.websocket import Sockets  # noqa: PLC0415 - as said above

    house = House()
    tunnel = Tunnel(house)
    remember = Remember(house)
    tries = Tries(house, remember)
    reply = Reply(house, remember, tries)
    gateway = Gateway(house, tunnel, reply)
    hold = Hold(house)
    preferring = Preferring(house)
    rewrite, life = Rewrite(house, remember, tries, preferring), Life(house, remember)
    looking = [Views(house), Commands(house, reply, hold)]
    return [
        house,
        Settings(house),
        gateway,
        tunnel,
        Adopt(reply),
        preferring,
        rewrite,
        Sockets(house),
        reply,
        tries,
        Calls(house),
        hold,
        remember,
        Veil(house),
        Alerting(house),
        Spans(house),
        StatusFile(house),
        Closing(),
        Draining(),
        Books(house),
        life,
        *looking,
    ]
