# demo   reads the faces of a real photo and leaves an annotated copy in demo-out/
# test   runs the tests, a process for each core
# check  format, lint, types
# Each makes its own virtual environment in .venv when there is none. PYTHON names the interpreter.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

.PHONY: demo test check format clean

demo: $(VENV)/base
	$(BIN)/mien detect examples/astronaut.jpg --out demo-out
	@echo
	@echo "The annotated picture is demo-out/astronaut.jpg"

test: $(VENV)/dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist loadfile

check: $(VENV)/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) demo-out build dist

# The stamps are newer than pyproject.toml once its dependencies are installed.
$(VENV)/base: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --editable .
	@touch $@

$(VENV)/dev: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --constraint constraints.txt --editable '.[train,keras,video,web,ray,audit,docs,dev]'
	@touch $@ $(VENV)/base
