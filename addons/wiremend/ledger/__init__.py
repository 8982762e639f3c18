"""One row a call: what it was, where it went, what it cost, what was done to it."""
