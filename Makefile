# demo   reads the faces of a real photo and leaves an annotated copy in demo-out/
# test   runs the quick tests of the package, a process for each core: two minutes on two
# check  format, lint, types
#
# test-slow      runs the others, five minutes more: clusters, several processes, whole documents and
#                data sets, the repository's own tools
# coverage       runs the tests of both and prints which lines of src/mien they pass; build/coverage/page
#                has the lines themselves; up to twice as long as the tests alone: not in .ci/run
# golden         reads the faces that the tests hold both models to, and writes them anew
# test-newest    the tests and the commands of the documents on the newest Python, with the newest
#                packages, in a Debian of its own in build/newest; needs root
# test-js        the npm package in js/: format, lint, types, build, and the readings of Python; needs
#                node 20
# test-web       looks at the page in headless Chromium; screenshots are left in test-web-out/
# fuzz           gives every reader 10,000 damaged files (hours)
# page           the page that reads in the browser, for any static host, in build/page, and before it the
#                npm package's code that the wheel has for it; needs node 20
# docs           the documentation, in build/site; a broken link or anchor fails
# cli-reference  docs/cli.md from the commands
# release-check  wheel and sdist in dist/, looked into, installed and tried in an empty environment
# licences       docs/packages.md from what is installed; an unknown or forbidden licence fails
# sbom           bills of materials (CycloneDX) of the base install and of all extras, in build/sbom
#
# Each makes its own virtual environment in .venv when there is none. PYTHON names the interpreter.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
AXE := build/axe-core/axe.min.js
PAGE_CODE := src/mien/web/browser/package
RELEASE := build/release
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist loadfile
# Python compiles what it imports, and keeps that. pip would compile all 3 GB beforehand, most of which
# nobody imports: that takes a third of the first `make demo` (13 of 34 s), and half of `make .venv/dev`.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-slow coverage golden test-newest test-js test-web fuzz check format clean page docs cli-reference licences sbom release-check

demo: $(VENV)/base
	$(BIN)/mien detect examples/astronaut.jpg --out demo-out
	@echo
	@echo "The annotated image is demo-out/astronaut.jpg"

test: $(VENV)/dev
	$(PYTEST) -m "not slow and not tools" \
		$$(grep -lE '^pytestmark = .*mark\.(slow|tools)' tests/test_*.py | sed 's/^/--ignore=/')

test-slow: $(VENV)/dev
	$(PYTEST) -m "slow or tools"

coverage: $(VENV)/dev
	mkdir -p build/coverage
	$(PYTEST) --cov --cov-report term --cov-report html

golden: $(VENV)/dev
	$(BIN)/python tests/golden_readings.py

# What a Python or a package may change: the quick tests; of the slow ones, those that use what no quick
# one does. Tests of tools are not even collected: they import what is not there.
test-newest:
	scripts/newest_python.sh env OMP_NUM_THREADS=1 python -m pytest -p no:cacheprovider \
		--numprocesses auto --dist loadfile -m "newest or not (slow or tools)" \
		$$(grep -l 'pytestmark = .*mark\.tools' tests/test_*.py | sed 's/^/--ignore=/')

test-js: $(VENV)/dev js/dist/mien.js
	cd js && npm run --silent lint && npm run --silent types
	for name in mien.js worker.js; do \
		cmp js/dist/$$name $(PAGE_CODE)/$$name || { echo 'stale: make page brings it up to date'; exit 1; }; done
	$(BIN)/python scripts/js_expected.py
	cd js && npm test --silent

test-web: $(VENV)/dev $(AXE) js/dist/mien.js
	@command -v chromium >/dev/null || test -n "$$MIEN_CHROMIUM" || \
		{ apt-get update && apt-get install --yes --no-install-recommends chromium fonts-dejavu-core; }
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/browser

check: $(VENV)/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo

format: $(VENV)/dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

fuzz: $(VENV)/dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest fuzz --numprocesses auto

page: $(VENV)/dev js/dist/mien.js
	cp js/dist/mien.js js/dist/worker.js $(PAGE_CODE)
	$(BIN)/mien page --out build/page

docs: $(VENV)/dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

cli-reference: $(VENV)/dev
	$(BIN)/typer scripts/cli_app.py utils docs --name mien --title "The command line" --output docs/cli.md

release-check: $(VENV)/dev
	scripts/check_release.sh

$(RELEASE)/pyvenv.cfg: pyproject.toml
	$(MAKE) release-check

licences: $(VENV)/dev $(RELEASE)/pyvenv.cfg
	@printf '# Packages\n\nWhat pip-licenses lists of the packages that mien brings with it: `make licences`.\n' \
		>build/packages.md
	@printf '\n## Of the base install\n\n' >>build/packages.md
	$(BIN)/pip-licenses --python $(RELEASE)/bin/python >>build/packages.md
	@printf '\n## Of the base install and every extra\n\n' >>build/packages.md
	$(BIN)/pip-licenses >>build/packages.md
	mv build/packages.md docs/packages.md

sbom: $(VENV)/dev $(RELEASE)/pyvenv.cfg
	mkdir -p build/sbom
	$(BIN)/cyclonedx-py environment --output-reproducible -o build/sbom/mien-base.cdx.json $(RELEASE)/bin/python
	$(BIN)/cyclonedx-py environment --output-reproducible -o build/sbom/mien-all.cdx.json $(BIN)/python

clean:
	rm -rf $(VENV) demo-out build dist test-web-out js/build js/dist js/node_modules

# What the browser's tests judge accessibility by.
$(AXE): tests/browser/get_axe.sh
	sh tests/browser/get_axe.sh build/axe-core
	@touch $@

js/node_modules/ready: js/package.json js/package-lock.json
	@command -v npm >/dev/null || \
		{ apt-get update && apt-get install --yes --no-install-recommends nodejs npm; }
	cd js && npm ci --silent --ignore-scripts --no-audit --no-fund
	@touch $@

# What the networks are made of, in WebAssembly: clang comes with zig, which comes as a Python package.
js/build/kernels.wasm: $(VENV)/dev $(wildcard js/kernels/*)
	mkdir -p js/build
	$(BIN)/python -m ziglang cc -target wasm32-freestanding -msimd128 -O3 -nostdlib -Wall -Wextra -Werror \
		-Wl,--no-entry -Wl,--strip-all -Wl,--export=__heap_base -Wl,-z,stack-size=65536 \
		-o $@ js/kernels/*.c

js/dist/mien.js: js/node_modules/ready js/build/kernels.wasm js/package.json js/scripts/build.mjs \
		$(wildcard js/src/*.ts) src/mien/assets/yunet.onnx src/mien/assets/models/mien.onnx
	cd js && npm run --silent build

# The stamps are newer than pyproject.toml once its dependencies are installed.
$(VENV)/base: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) --editable .
	@touch $@

$(VENV)/dev: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) --constraint constraints.txt --editable '.[batch,train,keras,video,web,ray,lsl,audit,docs,dev]'
	@touch $@ $(VENV)/base
