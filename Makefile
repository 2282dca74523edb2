# Two commands set everything up on a fresh machine: `make demo` and `make test`.
# All that they make lies below this folder: .venv/, .cache/, dist/, runs/.

PYTHON ?= python3
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
VENV := .venv/$(VERSION)
BIN := $(VENV)/bin
PYTEST_ARGS ?=
SEED ?= 7

export PIP_CACHE_DIR := $(CURDIR)/.cache/pip
export XDG_CACHE_HOME := $(CURDIR)/.cache/xdg
export TMPDIR := $(CURDIR)/.cache/tmp
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export HYPOTHESIS_STORAGE_DIRECTORY := $(CURDIR)/.cache/hypothesis
unexport PYTHONPATH PYTHONHOME

.PHONY: help demo test soak chaos lint install proto clean

help:
	@echo "make demo   a training as 4 processes x 2 CPU devices into runs/digits/"
	@echo "make test   the whole test suite, on the built wheel (PYTHON=python3.13 for another Python)"
	@echo "make soak   the long tests: networks down for a minute, 100,000 hostile frames, 1,000,000 records"
	@echo "make chaos  kills workers and the coordinator for minutes, then audits (SEED=7 repeats a run)"
	@echo "make lint   ruff and mypy --strict"
	@echo "make proto  generate the messages anew from proto/*.proto"
	@echo "make clean  remove everything that these made"

$(VENV)/.ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "podlog needs Python 3.11 or newer, $(PYTHON) is %s; say make PYTHON=..." % sys.version.split()[0])'
	@mkdir -p "$(TMPDIR)"
	@echo "setting up $(VENV): a minute or two the first time"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade "pip>=25.1" "setuptools>=77" wheel
	@touch $@

# The wheel is built anew each time: seconds, and never stale.
install: $(VENV)/.ready
	@mkdir -p "$(TMPDIR)"
	@rm -rf build dist/$(VERSION)
	$(BIN)/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist/$(VERSION) .
	$(BIN)/pip install --quiet "$$(ls ./dist/$(VERSION)/podlog-*.whl)[examples]"
	$(BIN)/pip install --quiet --force-reinstall --no-deps ./dist/$(VERSION)/podlog-*.whl

demo: install
	@rm -rf runs/digits
	LOGLEVEL=WARNING $(BIN)/podlog run -n 4 --cpu-devices 2 cluster/examples/digits.py --log-path runs/digits

test: install
	$(BIN)/pip install --quiet --group test
	$(BIN)/python -m pytest --basetemp=.cache/pytest-$(VERSION) -n 2 --dist loadfile -m "not soak and not alone" $(PYTEST_ARGS)
	$(BIN)/python -m pytest --basetemp=.cache/pytest-alone-$(VERSION) -m alone $(PYTEST_ARGS) || [ $$? -eq 5 ]  # 5: none of those chosen

soak: install
	$(BIN)/pip install --quiet --group test
	$(BIN)/python -m pytest --basetemp=.cache/pytest-soak-$(VERSION) -m soak $(PYTEST_ARGS)

chaos: install
	$(BIN)/podlog chaos -n 4 --seconds 300 --kill worker,coordinator,job --seed $(SEED)

lint: install
	$(BIN)/pip install --quiet --group lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m mypy -p podlog.proto -p podlog.coordinator -p podlog.cluster -p podlog.worker

proto:
	@mkdir -p "$(TMPDIR)"
	bash proto/generate.sh $(PYTHON)

clean:
	rm -rf .venv .cache dist build runs .hypothesis .pytest_cache .mypy_cache .ruff_cache *.egg-info
	find proto coordinator cluster worker tests -name __pycache__ -prune -exec rm -rf {} +
