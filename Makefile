# `make demo` and `make test` are the two commands of the README. Each prepares what it needs, on a machine that has git,
# make and a Python: nothing is written outside this folder but uv's own cache, and nothing is fetched whose hash is not
# in requirements/. GNU make 3.81 (macOS) and a POSIX shell are enough.

SHELL := /bin/sh
PY := .venv/bin/python
READY := .venv/.ready
INPUTS := pyproject.toml requirements/dev.txt requirements/uv.txt .python-version addons/wiremend/__init__.py
ARGS :=

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format cover bench peers conformance verdicts wheel pins clean FORCE

help: ## this list
	@echo 'Wiremend: make demo, then .venv/bin/wiremend run -- claude'
	@sed -n 's/^\([a-z][a-z]*\):[^#]*## \(.*\)/  make \1 # \2/p' Makefile | awk -F' # ' '{ printf "%-18s %s\n", $$1, $$2 }'

setup: $(READY) ## prepare .venv, and a uv in .tools where the machine has none that works
	@echo '.venv is ready'

demo: $(READY) ## an agent's broken request goes out right: no key, no network
	@.venv/bin/wiremend demo $(ARGS)

test: $(READY) ## all tests, as many at once as there are cores; make test ARGS='-k layering' for some
	$(PY) -m pytest -n auto --dist loadfile $(ARGS)

lint: $(READY) ## ruff (every rule), the formatter, mypy
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m mypy

format: $(READY) ## let ruff repair what it can
	$(PY) -m ruff check --fix-only
	$(PY) -m ruff format

cover: $(READY) ## all tests, with branch coverage
	$(PY) -m coverage erase
	$(PY) -m coverage run -m pytest $(ARGS)
	$(PY) -m coverage combine --quiet
	$(PY) -m coverage report

bench: $(READY) ## the cost of an event and of a call, beside a bare mitmdump; how fast cases replay; about five minutes
	$(PY) -m bench.overhead $(ARGS)
	$(PY) -m bench.replay
	$(PY) -m bench.conversation

peers: $(READY) ## LiteLLM and claude-code-router beside Wiremend, into docs/peers.md; needs the network to install them
	$(PY) -m bench.peers

conformance: $(READY) ## docs/conformance.md anew: what each parser makes of each case; needs node and npm
	$(PY) -m tests.conformance

verdicts: $(READY) ## what each parser says of each bad case, for wiremend why and diagnose; needs node and npm
	$(PY) -m tests.verdict_table

wheel: $(READY) ## dist/wiremend-*.whl
	$(PY) -m hatchling build -t wheel -d dist

pins: ## resolve requirements/*.txt again; make pins ARGS=--upgrade for newer releases
	@/bin/sh -c "$$SH_FIND_UV; $$SH_PINS"

clean: ## remove all that make and the tests wrote
	rm -rf .venv .tools dist build .coverage .coverage.* htmlcov .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find addons tests -name __pycache__ -type d -prune -exec rm -rf {} +

# --- how ------------------------------------------------------------------------------------------------------------

# The stamp holds the path for which .venv was made. A .venv holds absolute paths and a link to an interpreter, so where
# the checkout has moved or the interpreter is gone, the stamp does not count, however new it is.
ifneq ($(shell $(PY) -I -S -c 'print(open("$(READY)").read())' 2>/dev/null),$(CURDIR))
$(READY): FORCE
endif
$(READY): $(INPUTS)
	@/bin/sh -c "$$SH_FIND_UV; $$SH_SETUP"

# Sets $uv. A uv of the machine is used if it runs (a pyenv shim may be there and fail) and is not older than
# `uv python find --system`. Else the pinned one is put into .tools/uv, by venv or, where Debian has left that out, by pip.
define SH_FIND_UV
set -eu
say() { printf '%s\n' "make: $$*" >&2; }
pip_install() { "$$@" --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/uv.txt; }
bootstrap_uv() {
    python=
    for candidate in python3 python python3.13 python3.12 python3.14 /usr/bin/python3; do
        if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 8))' >/dev/null 2>&1; then
            python=$$candidate
            break
        fi
    done
    if [ -z "$$python" ]; then
        say "no Python 3.8 or newer runs here, and no uv. Install either one, then run this again."
        exit 1
    fi
    say "no uv that works on PATH; putting the pinned one into .tools/uv"
    rm -rf .tools/uv
    mkdir -p .tools
    if "$$python" -m venv .tools/uv >.tools/venv.log 2>&1; then
        pip_install .tools/uv/bin/python -m pip install
    elif "$$python" -m pip --version >/dev/null 2>&1; then
        rm -rf .tools/uv
        pip_install "$$python" -m pip install --target .tools/uv
    else
        cat .tools/venv.log >&2
        say "$$python has neither venv nor pip, so uv cannot be fetched. Install one of the three, for example:"
        say "    sudo apt install python3-venv       (Debian, Ubuntu)"
        say "    brew install uv                     (macOS)"
        exit 1
    fi
    cp requirements/uv.txt .tools/uv/pinned.txt
}
uv=uv
if ! uv python find --system --help >/dev/null 2>&1; then
    uv=.tools/uv/bin/uv
    if ! cmp -s requirements/uv.txt .tools/uv/pinned.txt || ! "$$uv" --version >/dev/null 2>&1; then
        bootstrap_uv
    fi
fi
# Trust whom the machine trusts, as git and pip do: a company's proxy has its CA there. (uv's own list is Mozilla's.)
if "$$uv" --system-certs --version >/dev/null 2>&1; then
    export UV_SYSTEM_CERTS="$${UV_SYSTEM_CERTS-true}"
else
    export UV_NATIVE_TLS="$${UV_NATIVE_TLS-true}"
fi
endef
export SH_FIND_UV

# The Python of .python-version where the machine has it, else any that will do, else uv downloads one. The project is
# built with the pinned hatchling, without isolation and offline: all that came from elsewhere came by hash. (The checkout
# itself has none, whatever UV_REQUIRE_HASHES asks for.)
define SH_SETUP
want=$$(cat .python-version)
if ! "$(PY)" -I -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null || [ "$$(cat "$(READY)" 2>/dev/null)" != "$$(pwd -P)" ]; then
    rm -rf .venv
    found=
    for request in "$$want" 3.12 3.14 '>=3.12'; do
        if found=$$(UV_PYTHON_DOWNLOADS=never "$$uv" python find --system "$$request" 2>/dev/null); then
            break
        fi
        found=
    done
    if [ -z "$$found" ]; then
        say "no Python 3.12 or newer on this machine; uv will download $$want"
    fi
    if ! "$$uv" venv --quiet --python "$${found:-$$want}" .venv; then
        say "no environment could be made. Install Python 3.12 or newer, then run this again."
        exit 1
    fi
fi
say "installing what requirements/dev.txt pins into .venv; the first time this is a download of about 100 MB"
rm -f "$(READY)"
"$$uv" pip sync --quiet --python "$(PY)" --require-hashes --only-binary :all: requirements/dev.txt
unset UV_REQUIRE_HASHES
"$$uv" pip install --quiet --python "$(PY)" --offline --no-deps --no-build-isolation --reinstall-package wiremend --editable .
pwd -P >"$(READY)"
endef
export SH_SETUP

# No setting of this machine may reach the pins: neither uv's variables nor its configuration files.
define SH_PINS
for name in $$(env | sed -n 's/^\(UV_[A-Z_]*\)=.*/\1/p'); do
    case $$name in UV_SYSTEM_CERTS | UV_NATIVE_TLS) ;; *) unset "$$name" ;; esac
done
pin() {
    "$$uv" pip compile --no-config --quiet --universal --python-version 3.12 --generate-hashes --no-header --no-annotate \
        --no-emit-index-url --no-emit-find-links "$$@" $(ARGS) >/dev/null
}
pin --extra alerts --extra keyring --extra otel --extra postgres --extra tokens --group dev pyproject.toml --output-file requirements/dev.txt
pin --group pyproject.toml:uv --output-file requirements/uv.txt
if grep -nE '://|^-|@ |find-links' requirements/dev.txt requirements/uv.txt; then
    say "the lines above name a place to download from; requirements/ must not"
    exit 1
fi
endef
export SH_PINS
