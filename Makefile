# make demo      evaluate a toy language model, tune it, and see what that gained and cost:
#                no key, no GPU, and no network once installed
# make test      all tests
# make mutants   is every fault noticed? Wrong code, place by place, and the tests on it (an hour)
# make fuzz      every reader against files with something wrong in them (ten minutes)
# make lint      ruff and mypy
# make docs      the documentation as a site that can be searched offline: build/docs/index.html
# make replicate the paper's experiment at toy scale (about an hour)
# make bench-throughput / bench-judge / bench-fit / bench-local / bench-train / bench-statistics
#                the figures of docs/, timed or computed anew
# make judge-cards   the judge cards that the package ships, whenever one of its judges has changed
# make train-screen / train-demo    the shipped weights, from the published data

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/pip install --quiet --constraint constraints.txt
export OMP_NUM_THREADS ?= 1

.PHONY: demo test fuzz mutants docs lint clean replicate train-screen train-demo judge-cards \
  bench-throughput bench-judge bench-fit bench-local bench-train bench-statistics

demo: .venv/demo
	$(BIN)/msb evaluate --target hf:demo --judge screen --benchmark starter --max-tokens 64 \
	  --store build/demo.db
	@echo
	@echo "It complies with everything. Now it learns to decline the starter's other half in a sentence:"
	@echo
	$(BIN)/python training/demo_demonstrations.py > build/demonstrations.jsonl
	$(BIN)/msb improve --base hf:demo --data build/demonstrations.jsonl --mix none --recipe toy \
	  --set epochs=8 -o build/demo-adapter --evidence --evaluate-on starter/eval \
	  --max-tokens 64 --store build/demo.db
	@echo
	@echo "That was a toy. Now yours:"
	@echo "  $(BIN)/msb evaluate --target openai:MODEL --target-url http://127.0.0.1:8000/v1"
	@echo "  $(BIN)/msb evaluate --target hf:FOLDER-OR-HUB-ID"
	@echo "  $(BIN)/msb evaluate --target python:your.module:function"

test: .venv/dev
	$(BIN)/python -m pytest

fuzz: .venv/dev
	PYTHONPATH=tests $(BIN)/python bench/fuzz.py --seconds 600

mutants: .venv/dev
	nice $(BIN)/python bench/mutants.py $(ONLY)

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: .venv/docs
	$(BIN)/python docs/site/build.py
	@echo "build/docs/index.html"

bench-throughput: .venv/dev
	$(BIN)/python bench/bench_throughput.py

bench-judge: .venv/dev
	PYTHONPATH=training $(BIN)/python bench/bench_judge.py

judge-cards: .venv/dev
	PYTHONPATH=training $(BIN)/python bench/judge_cards.py

bench-fit: .venv/dev
	PYTHONPATH=training $(BIN)/python bench/bench_fit.py

bench-local: .venv/dev
	$(BIN)/python bench/bench_local.py

bench-train: .venv/dev
	$(BIN)/python bench/bench_train.py

bench-statistics: .venv/dev
	$(BIN)/python bench/bench_statistics.py

replicate: .venv/dev
	PYTHONPATH=training $(BIN)/python bench/replicate.py

train-screen: .venv/dev
	$(BIN)/python training/train_order.py
	$(BIN)/python training/train_screen.py

train-demo: .venv/dev
	$(BIN)/python training/train_demo_model.py

# A stamp for each set of extras, so that an install is made once, and again only when it must be.
# torch comes first and by its exact version: what wants it then takes the build that is there.
.venv/demo: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) torch==2.13.0
	$(PIP) --editable '.[local,train,capability]'
	@touch $@

.venv/docs: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[docs]'
	@touch $@

.venv/dev: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) torch==2.13.0
	$(PIP) --editable '.[dev]'
	@touch $@ .venv/demo .venv/docs

$(BIN)/python:
	$(PYTHON) -m venv .venv

clean:
	rm -rf .venv build .pytest_cache .mypy_cache .ruff_cache
