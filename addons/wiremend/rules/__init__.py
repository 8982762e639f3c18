"""rules.yaml: from a file to a decision.

``tree`` reads YAML with marks, ``shapes`` and ``schema`` say what may stand where, ``compile`` makes frozen rules
(``model``), ``resolve`` gives variables and credentials their values, ``load`` does all of it and tries the file's
own expectations (``expect``), ``watch`` does it again when the file changes. ``facts`` is what a request says about
itself, ``engine`` decides, ``urls`` joins, ``credentials`` chooses what the request is sent with.
"""
