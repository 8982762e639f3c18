"""Replay: a capture through today's rules, quirks and codecs, offline (G10).

===========  ==========================================================================================================
``rules``    today's rules with a capture's own inputs in the place of this machine's: its variables, its stand-ins
``run``      what today's code makes of a capture: the request that leaves, what the client gets, the notes
``compare``  what of it differs from what the capture has, and which rule or quirk acts differently
===========  ==========================================================================================================
"""
