"""Captures: what is remembered of an exchange, how it is kept without a secret in it, and cases made of it.

============  =========================================================================================================
``capture``   the model: one exchange, both sides, chunk by chunk
``plain``     a capture as dicts, lists, texts, numbers and bytes, and back: what a flow file's metadata can hold
``scrub``     credentials, and the ids of accounts and devices, replaced by stable surrogates before any byte is written
``findings``  what still looks like a secret
``personal``  home folder, user, host and e-mail replaced, and what a person should read before sharing
``case``      a capture as a folder of text that a person can review, and back
``har``       the captures in a HAR file
============  =========================================================================================================

``scrub_*`` and ``case_*`` are the parts of ``scrub`` and ``case``, each with one thing to know.
"""
