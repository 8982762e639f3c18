"""Replay: a capture through today's rules, quirks and codecs, offline (G10).

=================  ====================================================================================================
``rules``          today's rules with a capture's own inputs in the place of this machine's: variables, stand-ins
``run``            what today's code makes of a capture: the request that leaves, what the client gets, the notes
``compare``        what of it differs from what the capture has, and which rule or quirk acts differently
``against``        what a change of the rules would do to many captures, grouped
``coverage``       which rules and quirks no case exercised, and which cases no rule touched
``corpus``         cases and flow files, one after the other, in bounded memory
``stale``          which cases are old, or of another version of their client
``update``         a case with what today's code makes of it as its new golden
``report``         differences as text, Markdown and JSON; ``beside`` puts two values side by side
``pytest_plugin``  cases as tests; ``pytest_*`` are its parts, imported only where there are cases
``playing``        a provider on loopback that answers as the captures do
=================  ====================================================================================================
"""
