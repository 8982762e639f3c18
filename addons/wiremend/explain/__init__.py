"""Why: what became of a request, step by step, and what came back; without sending anything.

Everything here is read-only towards the traffic, takes plain values and gives plain values: no socket, no terminal.
What it gives is free of credentials (G8): of a credential its family's prefix is shown and no more.
"""
