"""The order of the steps: of a request on its way out (``request``), and of its reply on the way back (``reply``)."""
