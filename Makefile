# Two commands set everything up on a fresh machine: `make demo` and `make test`.
# Nothing is needed but Python >= 3.11 and make; everything goes into .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MONTH := 2026-09
DEMO := demo
DEVELOP := [test,lint]
REQUIREMENTS := pyproject.toml constraints.txt

# Without bytecode files every process would compile all libraries again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test lint bench docs clean

$(VENV)/.uv:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv \
		|| echo "uv is not to be had: installing with pip"
	touch $@

define install
	@echo "Installing phoenix$(1) into $(VENV) ..."
	@if [ -x $(BIN)/uv ]; then \
		VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet -c constraints.txt -e '.$(1)'; \
	else \
		$(BIN)/python -m pip install --quiet -c constraints.txt -e '.$(1)'; \
	fi
endef

$(VENV)/.run: $(VENV)/.uv $(REQUIREMENTS)
	$(call install,)
	@touch $@

$(VENV)/.develop: $(VENV)/.run $(REQUIREMENTS)
	$(call install,$(DEVELOP))
	@touch $@

## demo: simulate a mini month with its defects, reduce, score, certify, release it
demo: $(VENV)/.run
	$(BIN)/phoenix simulate --month $(MONTH) --size mini --defects all --out $(DEMO)/raw
	$(BIN)/phoenix --store $(DEMO)/store run $(MONTH) --raw $(DEMO)/raw
	$(BIN)/phoenix --store $(DEMO)/store status $(MONTH)

## test: the whole suite; interop and browser tests need Debian's packages (see README)
test: $(VENV)/.develop
	$(BIN)/python -m pytest -n 2 --dist loadfile

## lint: style, types and the layers of the architecture
lint: $(VENV)/.develop
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

## bench: every recipe side by side with the genuine pipeline on the same frames
bench: $(VENV)/.develop
	$(BIN)/python -m benchmarks.recipes

## docs: regenerate the pages that are derived from the declarations
docs: $(VENV)/.develop
	$(BIN)/python -m docs.build

clean:
	rm -rf $(VENV) $(DEMO) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
