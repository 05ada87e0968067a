# make run    the lab: every outcome on this machine alone
# make test   the whole suite, fast tests first; ARGS="-k name" narrows it
# make servers  fetches Debian's mail, DNS and web servers for tests/real into a cache; installs nothing
# make check  lint, form, types, architecture, shape
# make rfc    writes the generated pages of docs/
# make bench  measures; make soak  feeds hostile input to every reader for MINUTES (10), then kills processes KILLS (100) times,
#             and looks for each of POINTS (ten million) data points while everybody is killed
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
CODE := src tests tools bench
MINUTES ?= 10
KILLS ?= 100
POINTS ?= 10000000

.PHONY: run test servers soak check bench rfc clean

run: $(STAMP)
	@$(BIN)/tlswitness lab

# As root, first fetch what tests/real needs (nothing is installed); without it those tests skip and say what they need.
test: $(STAMP)
	@[ "$$(id -u)" != 0 ] || $(BIN)/python -m tools.debian || echo "going on without Debian's servers: tests/real will skip"
	$(BIN)/python -m pytest -q -n 2 --dist loadfile $(ARGS)

servers: $(STAMP)
	@$(BIN)/python -m tools.debian

check: $(STAMP)
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy
	$(BIN)/mypy -p tools -p bench
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m tools.shape

rfc: $(STAMP)
	$(BIN)/python -m tools.rfc_coverage
	$(BIN)/python -m tools.requirements
	$(BIN)/python -m tools.config_page

bench: $(STAMP)
	$(BIN)/python -m bench $(ARGS)

soak: $(STAMP)
	$(BIN)/python -m tools.soak --minutes $(MINUTES)
	$(BIN)/python -m tools.faults --kills $(KILLS)
	$(BIN)/python -m tools.evidence --points $(POINTS) --kills $(KILLS)

clean:
	rm -rf $(VENV) build dist *.egg-info src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "tlswitness needs Python 3.11 or newer; PYTHON=... names another one"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@
