# make run      set everything up, then run the proxy in the foreground;
#               make run ARGS="--domain example.com" passes options on
# make demo     two proxies, two phones and a call, on this machine only
# make test     set everything up, then run the whole suite, once with pytest
#               and once with trial: some minutes
# make lint     ruff and mypy
# make docs     draw the state machines into docs/build/machines
# make bench    measure against other SIP stacks; see bench/README.md
# make clean    remove the virtual environment and all that was built
#
# PYTHON names the interpreter (3.10 to 3.13) that the virtual environment is
# made with; VENV says where that is.

PYTHON ?= python3
VENV ?= .venv
ARGS ?=

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
INPUTS := setup.cfg pyproject.toml

.PHONY: run test demo lint docs bench clean help

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

$(VENV)/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "sipmini needs Python 3.10 or newer; name one: make PYTHON=python3.11 ...")'
	@echo 'installing into $(VENV) ...'
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/installed: $(VENV)/made $(INPUTS)
	@$(PIP) install --editable .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(PIP) install --editable '.[dev]'
	@touch $@

# sippy, another SIP stack in Python, is there to be measured against.
$(VENV)/installed-bench: $(VENV)/installed
	$(PIP) install --editable '.[bench]'
	@touch $@

run: $(VENV)/installed
	@exec $(BIN)/twistd -n sipmini-proxy $(ARGS)

demo: $(VENV)/installed
	@exec $(BIN)/sipmini demo $(ARGS)

# The suite runs under both of its runners; what is not reached by 95 % of branches and lines fails it.
test: $(VENV)/installed-dev
	$(BIN)/python -m coverage erase
	$(BIN)/python -m coverage run -m pytest $(ARGS)
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m twisted.trial --reporter=text tests
	$(BIN)/python -m coverage report --fail-under=95

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict sipmini

# The machines, drawn from the running code. Without Graphviz's `dot` only their .dot files are written.
docs: $(VENV)/installed-dev
	mkdir -p docs/build/machines
	$(BIN)/automat-visualize --quiet --image-type svg --dot-directory docs/build/machines \
		--image-directory "$$(command -v dot >/dev/null && echo docs/build/machines)" sipmini
	@ls docs/build/machines

bench: $(VENV)/installed-bench
	$(BIN)/python bench/codec.py
	$(BIN)/python bench/location.py
	$(BIN)/python bench/proxy/compare.py

clean:
	rm -rf $(VENV) build dist docs/build ./*.egg-info htmlcov .coverage .coverage.* _trial_temp* \
		.hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -f twisted/plugins/dropin.cache
