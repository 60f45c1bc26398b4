# make demo   installs into .venv and upgrades a virtual module
# make test   exactly what CI runs
# make pythons   the part of it that compares traces on newer Pythons
# make tutorials  another: the README's tutorials, command by command in clean clones
# make coverage  the tests again, with what they reach; it takes three times as long

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# A million power cuts: much longer under coverage, which they would not change.
SWEEPS := tests/sweep tests/boot/test_mini_sweep.py tests/boot/test_power_cut_sweep.py tests/boot/test_planted_bugs.py tests/fleet/test_five_hundred.py

# One process a core; the tests of one file stay together.
PARALLEL := -n auto --dist loadfile

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

.PHONY: demo test pythons tutorials coverage venv clean

demo: $(STAMP)
	$(BIN)/qpyota run scenarios/first_upgrade.yaml

test: $(STAMP)
	.ci/web
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest $(PARALLEL)
	.ci/pythons
	.ci/tutorials

pythons: $(STAMP)
	.ci/pythons

tutorials: $(STAMP)
	.ci/tutorials

coverage: $(STAMP)
	$(BIN)/pytest $(PARALLEL) --cov --cov-report=term $(addprefix --ignore=,$(SWEEPS))

venv: $(STAMP)

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "qpyota needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || \
	  { echo "$(PYTHON) cannot make virtual environments; on Debian or Ubuntu: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) .venv-3.* .web .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
