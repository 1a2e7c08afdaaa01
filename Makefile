# Two commands are the whole set-up: `make demo` and `make test`. Each makes .venv first where it is missing.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3.14 || command -v python3.10 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
export PYTHONDONTWRITEBYTECODE :=  # else each of the processes that tests start compiles the package anew
EXTRAS := neural,ray,train,provenance,demo,dev
READY := $(VENV)/.installed

.PHONY: install demo quick quick-tests test lint bench clean

install: $(READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "avtr needs Python 3.10 or newer: make PYTHON=/path/to/python3.11"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[$(EXTRAS)]'
	$(BIN)/python -c 'from avtr_cli.render.mesh.compiled import Loops; Loops(touched=True)'  # compiles them, once
	touch $(READY)

demo: $(READY)
	$(BIN)/avtr demo -o out

# Before each commit: less than a minute on two cores. `slow` is half a second of work, or another program at work.
quick: $(READY)
	@$(MAKE) --no-print-directory --jobs 2 --output-sync lint quick-tests

quick-tests: $(READY)
	$(BIN)/python -m pytest -m 'not slow' -n 2 --dist loadfile --no-loadscope-reorder

# Two at a time, a file's tests together: their fixtures are shared, and many are one thread's work. In the alphabet's
# order the last files are short ones; in xdist's own the longest come last, and one core waits for the other.
test: $(READY)
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy avtr_cli

bench: $(READY)
	$(BIN)/avtr bench

clean:
	rm -rf out build dist .pytest_cache .mypy_cache .ruff_cache
