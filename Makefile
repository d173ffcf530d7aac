# cnmf3d: the commands of the README. Each sets up all that it needs.

VENV := .venv
PYTHON := $(VENV)/bin/python
READY := $(VENV)/.ready
LATEST := .venv-latest
DEMO := demo-output
JOBS ?= 2
SCREEN = $(if $(shell command -v xvfb-run),xvfb-run -a -s "-screen 0 1600x1000x24")

.PHONY: help demo test test-latest test-versions test-slow lint bench screenshots docs clean

help:  ## Show this list.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 8

$(READY): pyproject.toml constraints.txt tools/setup.sh
	@sh tools/setup.sh $(VENV)

demo: $(READY)  ## Simulate a volume, find its cells, score them, write a report.
	@$(PYTHON) tools/demo.py $(DEMO)

test: lint  ## All checks and tests.
	$(SCREEN) $(PYTHON) -m pytest -q -n $(JOBS) --dist loadfile

test-latest:  ## The newest versions of all dependencies: readers, files, and the demonstration.
	@sh tools/setup.sh $(LATEST) latest
	$(LATEST)/bin/python -m pytest -q -n $(JOBS) --dist loadfile tests/movies tests/results tests/parameters
	$(LATEST)/bin/python tools/demo.py $(DEMO)

test-versions:  ## A short set of tests on each supported Python that is there, with pinned and newest versions.
	@sh tools/versions.sh

test-slow: $(READY)  ## Tests that take long: kills, upgrades, 10,000 damaged files (CNMF3D_FUZZ=500 for fewer).
	CNMF3D_FUZZ=$${CNMF3D_FUZZ:-10000} $(SCREEN) $(PYTHON) -m pytest -q -n $(JOBS) --dist loadfile -m slow

lint: $(READY)  ## Style, types, import layers.
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

bench: $(READY)  ## The figures of benchmarks/README.md, about half an hour.
	$(PYTHON) benchmarks/accuracy.py --presets tiny small dense dim neuropil lightsheet --seeds 0 1 2
	$(PYTHON) benchmarks/speed.py
	$(PYTHON) benchmarks/memory.py

screenshots: $(READY)  ## The pictures of the viewer in docs/images.
	$(SCREEN) $(PYTHON) tools/screenshots.py docs/images
	$(SCREEN) $(PYTHON) tools/dock_pictures.py docs/images

docs: $(READY)  ## The documentation as a site, in site/.
	$(PYTHON) -m pip install --quiet --disable-pip-version-check -e '.[docs]' -c constraints.txt
	$(PYTHON) -m mkdocs build --strict

clean:  ## Remove what these commands made.
	rm -rf $(VENV) $(LATEST) .venv-3.* $(DEMO) site .mypy_cache .ruff_cache .pytest_cache .hypothesis
