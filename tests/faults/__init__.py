"""What can go wrong upstream, played to a real mitmdump: the matrix of faults, and the soak.

``upstream`` and ``http2`` are the provider, scripted down to the reset of a connection; ``scripts`` are the faults;
``client`` is an official SDK that tells what it saw; ``expected`` says by hand what each must come to; ``matrix`` runs
all of them and writes docs/faults.md; ``soak`` runs hundreds of streams at once for as long as one likes.
"""
