"""A Plano file (``plano_config.yaml``) in the place of a rules file.

Nothing here decides a request. A Plano file is read (:mod:`~wiremend.rules.plano.read`), said again as a rules.yaml
(:mod:`~wiremend.rules.plano.write`), and that text is compiled as any other: what ``wiremend import`` writes is what
direct use runs by. Of each line of that text it is known which place of the Plano file it comes from, so that every
message names the file that the user has (:mod:`~wiremend.rules.plano.source`).

What Plano does with its file was read in its source, version 0.4.36 (https://github.com/katanemo/plano): the schema in
``config/plano_config_schema.yaml``, what is made of it in ``cli/planoai/config_generator.py``, the look-up of models in
``crates/common/src/llm_providers.rs``, the paths in ``crates/hermesllm/src/clients/endpoints.rs``. docs/plano.md has
what becomes of each key.
"""
