# `make demo` sets up and runs the main job; `make test` sets up and passes the checks. Nothing needs to be installed
# beforehand but Python 3.11 or newer.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test test-all check setup clean
.DEFAULT_GOAL := demo

demo: $(VENV)/.installed
	$(BIN)/python -m data clip --out demo/clip.mp4 --overwrite
	$(BIN)/python -m infer video demo/clip.mp4 -o demo/masked.mp4 --hide face --preview demo/before_after.png --overwrite
	$(BIN)/python -m data demo --out demo/made --count 0 --videos 1 --seed 99 --overwrite
	$(BIN)/python -m infer video demo/made/videos/demo_00.mp4 -o demo/clown_masked.mp4 --hide clown \
	  --weights data/models/clown_demo.onnx --preview demo/clown_before_after.png --overwrite
	$(BIN)/python -m evaluate leak demo/made/videos/demo_00.mp4 --detections demo/clown_masked.mp4.detections.jsonl --class clown
	@echo
	@echo "a face, found by CenterFace:     demo/clip.mp4 -> demo/masked.mp4"
	@echo "  before/after, report to sign:  demo/before_after.png, demo/masked.mp4.report.html"
	@echo "a clown, found by Mask R-CNN:    demo/made/videos/demo_00.mp4 -> demo/clown_masked.mp4"
	@echo "  before/after, report to sign:  demo/clown_before_after.png, demo/clown_masked.mp4.report.html"

test: $(VENV)/.installed-test check
	$(BIN)/python -m pytest -m "not slow"

test-all: $(VENV)/.installed-test check
	$(BIN)/python -m pytest

check: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

setup: $(VENV)/.installed-test

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; this is $$($(PYTHON) --version). Call make PYTHON=/path/to/python3.12" >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "Python's venv module is missing. On Debian/Ubuntu: apt-get install python3-venv" >&2; exit 2; }
	$(BIN)/pip install --quiet --upgrade pip

$(VENV)/.installed: setup.py $(VENV)/bin/python
	$(BIN)/pip install --quiet -e .
	@sh .ci/system-libraries $(BIN)/python
	@touch $@

$(VENV)/.installed-test: setup.py $(VENV)/.installed
	$(BIN)/pip install --quiet -e '.[model,test,dev]'
	@sh .ci/browser
	@touch $@

clean:
	rm -rf $(VENV) demo build dist *.egg-info
