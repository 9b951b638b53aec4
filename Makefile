# Two commands do everything on a fresh machine with Python 3.10 or newer: `make demo` and `make test`.

PYTHON ?= python3
VENV ?= .venv
CONSTRAINTS ?= constraints/newest.txt
BIN := $(VENV)/bin
# Who installs: pip, or the uv that UV names, in a tenth of the time; .ci/uv tells it what pip is told here.
INSTALL := $(if $(UV),$(UV) --quiet pip install --python $(VENV),$(BIN)/python -m pip --disable-pip-version-check --quiet install)
FRAMEWORKS := $(PYTHON) tests/frameworks/environments.py
CORE := src/otel_sessions/_*.py,src/otel_sessions/_*/**,src/otel_sessions/sdk.py
CORE_FILES := 160
WORKERS ?= 4

.PHONY: demo test lint types imports docs package e2e test-browser collector test-collector test-frameworks record-view test-languages bench bench-all bench-quick bench-fleet bench-fleet-quick bench-view bench-view-quick view-trials view-trials-quick behaviour behaviour-quick soak soak-quick fuzz fuzz-quick constraints clean \
  check test-changed test-interpreter test-all FORCE

demo: export PYTHONDONTWRITEBYTECODE :=
demo: $(VENV)/.demo  ## A multi-turn chat, exported by OTLP and shown by session, in the terminal and on the page; NO_BROWSER=1 for the terminal alone
	@$(BIN)/otel-sessions demo --page

# All tests run in as many processes as there are cores. With ARGS it is one, for `--pdb` and `-s`; `-n 2` is an argument, too.
# The tests start some hundred programs: without bytecode each of them would compile the whole package.
test: export COVERAGE_FILE := $(abspath $(VENV))/.coverage
test: export PYTHONDONTWRITEBYTECODE :=
test: $(VENV)/.test  ## The tests, with branch coverage: all of the core, 95 % over all
	@rm -f $$COVERAGE_FILE $$COVERAGE_FILE.*
	$(BIN)/python -m coverage run -m pytest $(or $(ARGS),-n logical --dist loadfile)
	@$(BIN)/python -m coverage combine -q
ifeq ($(ARGS),)
	$(BIN)/python -m coverage report --fail-under=95
	$(BIN)/python -m coverage report --fail-under=100 --include='$(CORE)'
	@files=$$($(BIN)/python -m coverage report --no-skip-covered --include='$(CORE)' | grep -c '^src/'); \
	  [ "$$files" -ge $(CORE_FILES) ] || { echo "the core has $$files files, and had $(CORE_FILES): CORE in the Makefile misses some"; exit 1; }
else
	@echo "not all tests: coverage is not checked"
endif

check: $(VENV)/.lint  ## What to run before a commit: lint, types, imports, and the tests of what differs from main; within a minute
	@$(MAKE) --no-print-directory -j2 --keep-going --output-sync=target lint types imports test-changed

test-changed: $(VENV)/.lint
	@tests=$$($(BIN)/python tests/changed.py) && if [ -z "$$tests" ]; then echo "no test is named after what differs from main; make test runs all"; \
	  else echo "tests: $$tests" && $(BIN)/python -m pytest --quiet -n logical --dist loadfile $$tests; fi

# What may differ from one Python to the next: contexts, generators, tasks, threads, processes.
test-interpreter: $(VENV)/.test  ## The tests of what touches the interpreter
	$(BIN)/python -m pytest tests/_context tests/_conversation/test_turn.py tests/_propagation/test_processes.py $(ARGS)

# Each takes its time, one after the other: an hour and more.
test-all: export HYPOTHESIS_PROFILE := thorough
test-all: export THOROUGH := 1
test-all: lint types imports test docs demo package soak fuzz collector test-collector test-frameworks test-languages test-browser bench-fleet-quick bench-quick behaviour-quick e2e  ## Everything, thoroughly

lint: $(VENV)/.lint
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(VENV)/.lint
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python

imports: $(VENV)/.lint  ## The direction of imports (pyproject.toml, tool.importlinter)
	$(BIN)/lint-imports --no-logo

docs: export NO_MKDOCS_2_WARNING := 1
docs: $(VENV)/.docs  ## The documentation site, in build/site; a warning is an error
	$(BIN)/mkdocs build --strict

# Private: what is installed before there is a dist need not look for one, and pip warns of it for each package.
package: private export PIP_CONSTRAINT := constraints/newest.txt
package: private export PIP_FIND_LINKS := dist
package: $(VENV)/.package $(VENV)/.test  ## Builds the wheel, and tries it in an environment of its own: alone, then as the documents say; then a clone, as the README says
	rm -rf dist $(VENV)-wheel
	$(BIN)/python -m build --outdir dist .
	$(BIN)/twine check --strict dist/*
	$(PYTHON) -m venv $(VENV)-wheel
	$(VENV)-wheel/bin/pip --disable-pip-version-check -q install dist/*.whl
	$(VENV)-wheel/bin/python tests/packaging/core_alone.py
	$(BIN)/python tests/packaging/pip_commands.py | PATH="$(abspath $(VENV)-wheel/bin):$$PATH" sh -ex
	$(VENV)-wheel/bin/python -c 'import otel_sessions.sdk'
	$(VENV)-wheel/bin/pip --disable-pip-version-check -q install 'otel-sessions[demo]'
	$(VENV)-wheel/bin/otel-sessions demo
	rm -rf $(VENV)-clone
	$(PYTHON) -m venv $(VENV)-clone
	$(BIN)/python tests/packaging/pip_commands.py --clone | PATH="$(abspath $(VENV)-clone/bin):$$PATH" sh -ex
	$(VENV)-clone/bin/python tests/packaging/newcomer.py

# What one process compiles the next one has, whatever the environment says: many are started, of packages that are large.
e2e test-collector test-frameworks: export PYTHONDONTWRITEBYTECODE :=

e2e: export E2E_PHOENIX_COMMAND := $(abspath .venv-phoenix/bin/phoenix)
e2e: export E2E_MLFLOW_COMMAND := $(abspath .venv-mlflow/bin/mlflow)
e2e:  ## One run in real Phoenix and real MLflow; writes docs/images/, where there is a Chromium
	@$(MAKE) --no-print-directory -j3 $(VENV)/.e2e .venv-phoenix/.server .venv-mlflow/.server
	$(BIN)/python tests/alone.py $(BIN)/python -m pytest tests/e2e --session-timeout=3600 $(ARGS)

test-browser: export PYTHONDONTWRITEBYTECODE :=
test-browser: $(VENV)/.browser  ## The local page in the Chromium of the machine: what it shows, how soon, whether all can read it, hostile words; writes the pictures of docs/images/view-*.png
	$(BIN)/python -m pytest tests/view/browser $(ARGS)

collector:  ## The Collector that the configurations are tried on: yours, or one that is built, once, in about 4 minutes
	@collector-config/build

# Workers wait more than they compute, so there are more of them than cores.
test-collector: $(VENV)/.collector  ## The configurations of collector-config/, on that Collector, with what else they need; THOROUGH=1 for what the claims are of
	@collector-config/build > /dev/null || [ $$? -eq 3 ] # 3: there is nothing to build it with, and the tests are skipped
	@PYTHONPATH=tests $(BIN)/python tests/collector/kafka_broker.py
	$(BIN)/python tests/alone.py $(BIN)/python -m pytest tests/collector -n $(WORKERS) $(ARGS)

# Each module in a process of its own, since an instrumentation changes its framework for good, and as many at once as there
# are cores. What is installed must be there before.
test-frameworks:  ## Real agent frameworks and hosts, in environments of their own; ONLY='agno gradio' for some of them
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "make test-frameworks needs Python 3.11 or newer, as some frameworks do: make test-frameworks PYTHON=python3.x")'
	@modules=$$($(FRAMEWORKS) modules $(ONLY)) && [ -n "$$modules" ] && \
	  $(MAKE) --no-print-directory $$(echo "$$modules" | sed 's|\(.*\)/.*|.venv-frameworks-\1/.installed|' | sort -u) && \
	  $(MAKE) --no-print-directory -j$$(nproc) --keep-going --output-sync=target $$(echo "$$modules" | sed 's|^|in/|')

record-view: $(VENV)/.test  ## Records anew what the tests of the local page read, of real frameworks; ONLY='langfuse_openai' for some of it
	@$(MAKE) --no-print-directory $$($(BIN)/python tests/view/recorded/record.py --environments $(ONLY))
	$(BIN)/python tests/view/recorded/record.py $(ONLY)

# Go, Maven, npm and Cargo keep in caches of their own what they have downloaded and compiled.
test-languages: $(VENV)/.languages  ## Services in Go, Java, Node and Rust around the blocks of docs/how-to/other-languages.md, as far as the machine has these
	$(BIN)/python -m pytest tests/languages $(ARGS)

in/%: FORCE
	@echo "== $*"
	@.venv-frameworks-$(*D)/bin/python -m pytest --quiet -W ignore tests/frameworks/$(*F).py $(ARGS)

bench-fleet: $(VENV)/.collector  ## What each configuration takes, and a simulation of a fleet: writes trials/results/
	$(BIN)/python -m trials.fleet
	$(BIN)/python -m trials.fleet.clickhouse
	$(BIN)/python -m trials.fleet.simulation

bench-fleet-quick: $(VENV)/.collector  ## The same in seconds; writes nothing
	$(BIN)/python -m trials.fleet --quick
	$(BIN)/python -m trials.fleet.clickhouse --spans 50000 --rounds 2
	$(BIN)/python -m trials.fleet.simulation --quick

bench bench-quick bench-view bench-view-quick: export VENV := .venv-bench
bench bench-quick bench-view bench-view-quick: export CONSTRAINTS := constraints/bench.txt
behaviour behaviour-quick: export VENV := .venv-behaviour
behaviour behaviour-quick: export CONSTRAINTS := constraints/behaviour.txt
behaviour behaviour-quick: export PYTHONDONTWRITEBYTECODE :=

bench:  ## Ours beside the peers, on one Python: writes benchmarks/results/
	@$(MAKE) --no-print-directory $(VENV)/.bench
	$(VENV)/bin/python -m benchmarks $(ARGS)

# What is installed first is not measured: nothing else is to run on the machine meanwhile.
bench-all:  ## The same on each Python that is here, in a quarter of an hour
	@. .ci/steps; for minor in 10 11 12 13; do python=$$(find_python $$minor); \
	  [ -n "$$python" ] || { echo "Python 3.$$minor is not on this machine"; continue; }; \
	  $(MAKE) --no-print-directory bench PYTHON=$$python VENV=.venv-bench-$$minor || exit; done
	@[ ! -x .venv-bench-11/bin/python ] || .venv-bench-11/bin/python -m benchmarks.floors

bench-quick:  ## The same in seconds, to see that it runs; writes nothing
	@$(MAKE) --no-print-directory $(VENV)/.bench
	$(VENV)/bin/python -m benchmarks --quick
	$(VENV)/bin/python -m benchmarks.floors --quick

bench-view:  ## The local page beside MLflow and Phoenix, and beside Jaeger where JAEGER names its binary: writes benchmarks/results/
	@$(MAKE) --no-print-directory -j3 $(VENV)/.bench
	@$(MAKE) --no-print-directory -j3 VENV=.venv CONSTRAINTS=constraints/newest.txt .venv-phoenix/.server .venv-mlflow/.server
	$(VENV)/bin/python tests/alone.py $(VENV)/bin/python -m benchmarks.viewing $(ARGS)

bench-view-quick:  ## The same of ours alone, in a minute, to see that it runs; writes nothing
	@$(MAKE) --no-print-directory $(VENV)/.bench
	$(VENV)/bin/python -m benchmarks.viewing --quick

behaviour:  ## Where session ids get lost, ours beside the peers: writes trials/results/behaviour.md
	@$(MAKE) --no-print-directory $(VENV)/.behaviour
	$(VENV)/bin/python -m trials.behaviour

behaviour-quick:  ## Ours alone, in about a minute; writes nothing
	@$(MAKE) --no-print-directory $(VENV)/.behaviour
	$(VENV)/bin/python -m trials.behaviour --only otel-sessions

soak: $(VENV)/.test  ## Random programs on many threads against an oracle, and a million traces: writes trials/results/soak.md
	$(BIN)/python -m trials.soak --traces --output trials/results/soak.md

soak-quick: $(VENV)/.test  ## The same in seconds
	$(BIN)/python -m trials.soak --seconds 7 --spans 100000 --limit 120 --traces 50000

fuzz: $(VENV)/.test  ## Hostile headers, carriers, URLs and tracestates by the million: writes trials/results/fuzz.md
	-$(INSTALL) 'atheris>=3; sys_platform == "linux"'
	$(BIN)/python -m trials.fuzz --cases 1200000 --guided 60000 --output trials/results/fuzz.md

fuzz-quick: $(VENV)/.test  ## The same in seconds
	$(BIN)/python -m trials.fuzz --seconds 16

view-trials: $(VENV)/.test  ## The local page: other orders, kills, hostile requests: writes trials/results/view.md
	$(BIN)/python -m trials.viewing --output trials/results/view.md

view-trials-quick: $(VENV)/.test  ## The same in seconds, with dice that fall the same each time
	$(BIN)/python -m trials.viewing --seed 731 --spans 1500 --orders 2 --kills 2 --requests 20000 --seconds 15

constraints:  ## Pins the newest and the lowest supported versions; needs uv
	uv pip compile -q --universal --python-version 3.10 --no-header --no-annotate --no-emit-index-url --upgrade \
	  --all-extras --group lint --group package --group docs --group e2e --group browser --group collector --group languages pyproject.toml -o constraints/newest.txt
	uv pip compile -q --universal --python-version 3.10 --no-header --no-annotate --no-emit-index-url --upgrade \
	  --all-extras --group bench pyproject.toml -o constraints/bench.txt
	uv pip compile -q --universal --python-version 3.10 --no-header --no-annotate --no-emit-index-url --upgrade \
	  --all-extras --group behaviour pyproject.toml -o constraints/behaviour.txt
	uv pip compile -q --universal --python-version 3.10 --no-header --no-annotate --no-emit-index-url --upgrade \
	  --resolution lowest-direct --all-extras --group test pyproject.toml -o constraints/lowest.txt
	for server in phoenix mlflow; do \
	  uv pip compile -q --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url --upgrade \
	    --group $$server -o constraints/$$server.txt || exit; done
	for each in $$($(FRAMEWORKS) environments); do \
	  $(FRAMEWORKS) requirements $$each | uv pip compile -q --universal --python-version 3.11 --no-header --no-annotate \
	    --no-emit-index-url --upgrade --extra demo pyproject.toml - -o constraints/frameworks-$$each.txt || exit; done

clean:
	rm -rf .venv* dist build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

# Without UV a newer pip and a uv come from the pip of PYTHON, from 22.3 on; else venv puts one there first, in five seconds more.
$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "otel-sessions needs Python 3.10 or newer: make PYTHON=python3.x")'
	$(PYTHON) -m venv --without-pip $(VENV)
	$(if $(UV),,@$(PYTHON) -m pip --python $(VENV) --disable-pip-version-check --quiet install --no-compile --only-binary uv 'pip>=25.1' uv 2> /dev/null || \
	  { $(PYTHON) -m venv $(VENV) && { $(INSTALL) --upgrade --only-binary uv 'pip>=25.1' uv || $(INSTALL) --upgrade 'pip>=25.1'; }; })

# What is installed: the package itself, editable, with the extra `demo`, and one dependency group. For the demo alone uv installs
# wherever it can, with what pip is told, in a fourth of the time; pip does where uv can't. Python compiles what is imported.
$(VENV)/.demo: export UV_HTTP_RETRIES := 0
$(VENV)/.demo: $(BIN)/python pyproject.toml $(CONSTRAINTS)
	$(if $(UV),,@eval "$$(PATH='$(abspath $(BIN))':"$$PATH" .ci/uv)" 2> /dev/null && \
	  $(BIN)/uv --quiet --no-cache pip install --python $(VENV) -c $(CONSTRAINTS) -e '.[demo]' 2> /dev/null || \
	  )$(INSTALL) -c $(CONSTRAINTS) -e '.[demo]'
	@touch $@

$(VENV)/.test $(VENV)/.lint $(VENV)/.docs $(VENV)/.package $(VENV)/.e2e $(VENV)/.browser $(VENV)/.collector $(VENV)/.languages $(VENV)/.bench $(VENV)/.behaviour: $(VENV)/.%: $(BIN)/python pyproject.toml $(CONSTRAINTS)
	$(INSTALL) -c $(CONSTRAINTS) -e '.[demo]' --group $* $(and $(filter test,$*),$(if $(findstring lowest,$(CONSTRAINTS)),,--group newest))
	@touch $@

# Frameworks as they are released, in environments of their own: up to 5 GB in all.
.venv-frameworks-%/.installed: constraints/frameworks-%.txt pyproject.toml
	@echo "installing what goes with $* into .venv-frameworks-$*"
	$(PYTHON) -m venv $(if $(UV),--without-pip) .venv-frameworks-$*
	$(if $(UV),$(UV) --quiet pip install --python .venv-frameworks-$*,.venv-frameworks-$*/bin/python -m pip --disable-pip-version-check --quiet install) -r $< -e .
	@touch $@

# A backend as it is released, in an environment of its own: some 620 MB. Its packages are many: uv installs them in the
# tenth of the time that pip takes, and pip where uv gets nothing, as it does not read pip's settings.
.venv-phoenix/.server .venv-mlflow/.server: .venv-%/.server: constraints/%.txt
	@echo "installing $* into .venv-$*"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "make e2e needs Python 3.11 or newer, as Phoenix does: make e2e PYTHON=python3.x")'
	$(PYTHON) -m venv .venv-$*
	$(if $(UV),,.venv-$*/bin/python -m pip --disable-pip-version-check --quiet install uv)
	$(or $(UV),.venv-$*/bin/uv) pip install --quiet --no-build --python .venv-$* -r $< || \
	  .venv-$*/bin/python -m pip --disable-pip-version-check --quiet install -r $<
	@touch $@
