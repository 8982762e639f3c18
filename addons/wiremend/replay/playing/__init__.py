"""The playing upstream: a provider on loopback that answers as captures do, for an agent without a network or a key.

=============  ========================================================================================================
``machine``    what a text says of the day and the machine it was written on, replaced by placeholders
``canonical``  a request as what counts of it: its endpoint, and its leaves
``player``     which capture answers a request, atomically, each once; the misses, and what was never asked for
``defaults``   the few questions that are answered although nobody recorded them
``chunks``     a recorded body in the cuts and at the times that were asked for
``server``     the provider itself: HTTP/1.1 on the standard library
=============  ========================================================================================================
"""

from __future__ import annotations

from wiremend.replay.playing.player import Miss, Played, Player, Side
from wiremend.replay.playing.server import PlayingUpstream, Timing

__all__ = ["Miss", "Played", "Player", "PlayingUpstream", "Side", "Timing"]
