# Everything that people and CI do here. `make` alone explains itself.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

PYTHON ?= $(firstword $(shell command -v python3.11 python3 || true))
PORT ?= 8000
export PICTURES ?= var/screenshots
ARGS ?=

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
INSTALL := $(PIP) install --quiet --require-hashes --no-deps

# Stamps in .venv say what is installed, so that a second run has nothing to do.
# Each lock contains the one before it: run < otel < test < check.
VENV := .venv/pyvenv.cfg
RUN := .venv/.run
TEST := .venv/.test
CHECK := .venv/.check
FAST := .venv/.fast
PACKAGE := .venv/.package

# The peers of the bench have environments of their own, with locks of their own.
PEER_PYTHON := .venv/peers/allauth
PEER_NODE := .venv/peers/better-auth
SERVERS := .venv/servers

# An application on Node, which the tests sign somebody in to.
OPENID_CLIENT := .venv/openid-client
OPENID_CLIENT_SOURCES := $(addprefix tests/oidc/openid-client/,package.json package-lock.json sign_in.mjs)

ARGON2 := packages/argon2-interleaved
FAST_SOURCES := $(addprefix $(ARGON2)/,pyproject.toml setup.py README.md) $(wildcard $(ARGON2)/src/argon2_interleaved/*.*)

.PHONY: help demo test soak screenshots mutate sanitize check bench bench-storm bench-scale bench-enumeration bench-neighbours bench-floods bench-distance bench-applications bench-peers bench-servers format messages upgrade clean

help: ## Show this help
	@echo 'Usage: make TARGET'
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo '  make demo PORT=9000             another port'
	@echo '  make test ARGS="-k backup -x"   arguments for pytest'

demo: $(RUN) $(PACKAGE) ## Serve a throwaway demo with people to sign in as (PORT=8000)
	@exec $(BIN)/twofold demo --port '$(PORT)'

test: $(TEST) $(PACKAGE) $(OPENID_CLIENT)/.installed ## Run every test: both databases, a real browser, real mail (ARGS="-k word")
	@tools/system-packages
	@exec $(BIN)/python -m pytest $(ARGS)

soak: $(TEST) $(PACKAGE) ## Break workers and databases, live other lives, for minutes (ARGS="-k word")
	@tools/system-packages
	@exec $(BIN)/python -m pytest -m soak tests/faults tests/attacks $(ARGS)

screenshots: $(TEST) $(PACKAGE) ## Take pictures of every page and email, narrow and wide, light and dark (PICTURES=var/screenshots)
	@tools/system-packages
	@exec $(BIN)/python -m pytest -q tests/looks/pictures.py $(ARGS)

mutate: $(TEST) $(PACKAGE) ## Break the pure rules one at a time: do their tests notice? (ARGS="totp case")
	@tools/system-packages
	@exec $(BIN)/python tools/mutate.py $(ARGS)

sanitize: $(TEST) $(PACKAGE) ## argon2-interleaved under the compiler's sanitisers: its tests, and arguments of every kind for a minute
	$(ARGON2)/tools/sanitized $(BIN)/python -m pytest $(ARGON2)/tests -k 'not sanitized and not installed' $(ARGS)
	$(ARGON2)/tools/sanitized $(BIN)/python $(ARGON2)/tools/fuzz.py --seconds 60

check: $(CHECK) $(PACKAGE) ## Lint, format, types, imports, rows: what a change must pass before its tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python tools/imports.py
	$(BIN)/python -m tools.rows
	$(BIN)/python -c "from twofold.operations import registries; registries.check()"
	$(BIN)/mypy $(wildcard src tests tools bench packages)

bench: $(TEST) $(PACKAGE) ## Measure the numbers that docs and decisions quote (ARGS=--quick)
	@tools/system-packages
	@exec $(BIN)/python -m bench $(ARGS)

bench-storm: $(TEST) $(PACKAGE) ## Four times as many passwords as can be hashed: do other requests get through?
	@tools/system-packages
	@exec $(BIN)/python -m bench storm $(ARGS)

bench-scale: $(TEST) $(PACKAGE) ## The same with 1 million people and 10 million audit lines (ARGS="--people N --events N")
	@tools/system-packages
	@exec $(BIN)/python -m bench scale $(ARGS)

bench-enumeration: $(TEST) $(PACKAGE) ## Can a stopwatch tell who exists, is locked, frozen, gone? (ARGS=--quick)
	@tools/system-packages
	@exec $(BIN)/python -m bench enumeration $(ARGS)

bench-floods: $(TEST) $(PACKAGE) ## Floods of strangers: how do people who are signed in fare? (ARGS=--quick)
	@tools/system-packages
	@exec $(BIN)/python -m bench floods $(ARGS)

bench-distance: $(TEST) $(PACKAGE) ## PostgreSQL 0.5 and 2 ms away: what do pipelines save a second factor? 2 minutes
	@tools/system-packages
	@exec $(BIN)/python -m bench distance

bench-applications: $(TEST) $(PACKAGE) ## What do codes and tokens of applications cost beside a session check? 3 minutes (ARGS=--quick)
	@tools/system-packages
	@exec $(BIN)/python -m bench applications $(ARGS)

bench-neighbours: $(TEST) $(PACKAGE) ## Can the answers to others tell who got a letter? 50 minutes (ARGS="--looks N", ARGS=--quick)
	@tools/system-packages
	@exec $(BIN)/python -m bench neighbours $(ARGS)

bench-peers: $(TEST) $(PACKAGE) $(PEER_PYTHON)/.installed $(PEER_NODE)/.installed ## The same work given to django-allauth and better-auth, side by side
	@exec $(BIN)/python -m bench peers $(ARGS)

bench-servers: $(TEST) $(PACKAGE) $(SERVERS)/.installed ## The HTTP server that we use beside Granian, Hypercorn and others (ARGS=--quick)
	@exec $(BIN)/python -m bench servers $(ARGS)

format: $(CHECK) ## Format the code and repair what ruff can repair by itself
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

messages: $(RUN) ## Collect the texts to translate into src/twofold/locale/twofold.pot
	@mkdir -p src/twofold/locale
	$(BIN)/pybabel --quiet extract --mapping babel.cfg --project twofold --version 0.1.0 --no-location --sort-output \
		--omit-header --output src/twofold/locale/twofold.pot src

upgrade: $(CHECK) ## Lock the newest versions that requirements/*.in allow
	tools/upgrade $(ARGS)

clean: ## Remove the environment and everything made
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build src/*.egg-info $(ARGON2)/build $(ARGON2)/src/*.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV):
	@test -n '$(PYTHON)' || { echo 'Python 3.11 or newer is needed: apt-get install python3 python3-venv' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo '$(PYTHON) is older than Python 3.11. Name another one: make PYTHON=python3.11' >&2; exit 1; }
	@echo 'Creating .venv'
	@$(PYTHON) -m venv .venv || { echo 'Python cannot make an environment: apt-get install python3-venv' >&2; exit 1; }

$(RUN): requirements/run.txt | $(VENV)
	@echo 'Installing what Twofold needs to run'
	@$(INSTALL) -r $<
	@touch $@

$(TEST): requirements/test.txt | $(VENV)
	@echo 'Installing what its tests need'
	@$(INSTALL) -r $<
	@touch $(RUN) $@

$(CHECK): requirements/check.txt | $(VENV)
	@echo 'Installing what its checks need'
	@$(INSTALL) -r $<
	@touch $(RUN) $(TEST) $@

# What twofold[fast] adds, built from its source. Without a compiler the tool says so, libsodium hashes, and the next `make`
# tries again.
$(FAST): $(FAST_SOURCES) tools/install-argon2 | $(RUN)
	@tools/install-argon2 $(BIN)/python $@

# The package itself, by reference to src/.
$(PACKAGE): pyproject.toml requirements/run.in requirements/fast.in | $(RUN) $(FAST)
	@$(PIP) install --quiet --no-deps --no-build-isolation --no-index --editable .
	@touch $@

$(PEER_PYTHON)/.installed: bench/peers/allauth/requirements.txt | $(VENV)
	@echo 'Installing django-allauth, apart'
	@rm -rf $(@D)
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip --disable-pip-version-check --no-input install --quiet --require-hashes --no-deps -r $<
	@touch $@

$(OPENID_CLIENT)/.installed: $(OPENID_CLIENT_SOURCES) | $(VENV)
	@tools/system-packages
	@echo 'Installing openid-client, apart'
	@rm -rf $(@D)
	@mkdir -p $(@D)
	@cp $^ $(@D)
	@cd $(@D) && npm ci --ignore-scripts --no-audit --no-fund --silent
	@touch $@

$(SERVERS)/.installed: bench/servers.txt | $(VENV)
	@echo 'Installing other HTTP servers, apart'
	@rm -rf $(@D)
	@$(PIP) install --quiet --require-hashes --no-deps --target $(@D) -r $<
	@touch $@

# Node comes with the lock; npm, and the older Node that it runs on, must be here. Nobody's install script is run.
$(PEER_NODE)/.installed: bench/peers/better-auth/package.json bench/peers/better-auth/package-lock.json | $(VENV)
	@command -v npm >/dev/null || { echo 'npm is needed: apt-get install npm' >&2; exit 1; }
	@echo 'Installing better-auth, apart'
	@rm -rf $(@D)
	@mkdir -p $(@D)
	@cp $^ $(@D)
	@cd $(@D) && npm ci --ignore-scripts --no-audit --no-fund --silent
	@touch $@
