# The two commands of the README, and the checks that run on every change.
PYTHON ?= python3
BIN := .venv/bin
RUN := demo

.PHONY: demo test test-quick test-slow lint docs bench bench-memory bench-finetune bench-photographs bench-heads bench-thresholds bench-coverage bench-calibration bench-forecast bench-tune bench-label-errors bench-folds bench-integrity bench-faults bench-scale fuzz

demo: .venv/installed
	rm -rf runs/$(RUN)
	$(BIN)/mediaeval train all --run $(RUN)
	$(BIN)/mediaeval predict $(RUN)
	$(BIN)/mediaeval submit $(RUN)
	$(BIN)/mediaeval check runs/$(RUN)/run.csv --ids sample/testset/testset.csv
	@$(BIN)/mediaeval score runs/$(RUN)/run.csv --truth sample/truth.csv > runs/$(RUN)/score.tsv
	@echo; echo "Weighted F1 on the test images:"
	@grep -E 'weighted|low' runs/$(RUN)/score.tsv | cut -f 1,3-
	@echo; echo "runs/$(RUN)/run.csv"

# Two processes, each with half of the tests in their order, so that a module's trained run is made in one of them.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

# What every change must pass. The tiers: CONTRIBUTING.md.
test: .venv/tests-installed
	$(PYTEST) -m "not slow" $(ARGS)

test-quick: .venv/tests-installed
	$(PYTEST) -m "not slow and not integration" $(ARGS)

test-slow: .venv/tests-installed
	$(PYTEST) -m slow $(ARGS)

lint: .venv/tests-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Write what the commands print now into README.md and docs/.
docs: .venv/tests-installed
	$(BIN)/python -m tests.docs.record $(ARGS)

# The tables of docs/benchmarks.md. DATA holds oasis/, coco/ and weights/.
DATA := ../shared/data

bench: .venv/fast-installed
	$(BIN)/python -m benchmarks.speed $(DATA)

bench-memory: .venv/fast-installed
	$(BIN)/python -m benchmarks.memory $(DATA)

bench-finetune: .venv/installed
	$(BIN)/python -m benchmarks.finetune $(DATA) --folds 2 --only mobilenetv2
	$(BIN)/python -m benchmarks.finetune $(DATA) --only 'multigap (object),'

bench-photographs: .venv/installed
	$(BIN)/python -m benchmarks.photographs oasis $(DATA)
	$(BIN)/python -m benchmarks.photographs coco $(DATA)

bench-heads: .venv/fast-installed
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.real_heads $(DATA)

bench-thresholds: .venv/installed
	$(BIN)/python -m benchmarks.thresholds
	$(BIN)/python -m benchmarks.thresholds --optimism $(DATA)

bench-coverage: .venv/installed
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.coverage $(DATA) --seed 1000 --shares
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.coverage $(DATA)

bench-label-errors: .venv/installed
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.label_errors $(DATA)

bench-tune: .venv/tests-installed
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.tune $(DATA)

bench-forecast: .venv/installed
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.forecast $(DATA)
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.forecast $(DATA) --shifts
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.forecast $(DATA) --drawn 20

bench-scale: .venv/tests-installed
	$(BIN)/python -m benchmarks.scale

bench-calibration: .venv/installed
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.calibration $(DATA) --seed 1000 --rules
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.calibration $(DATA)

bench-folds: .venv/installed
	$(BIN)/python -m benchmarks.folds $(DATA)

bench-integrity: .venv/installed
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.integrity $(DATA)
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.score_alignment $(DATA)

# Edits of runs, kills of every command that writes, disks that become full (that needs the right to mount); half an hour
bench-faults: .venv/installed
	$(BIN)/python -m benchmarks.tampering
	$(BIN)/python -m benchmarks.kills
	$(BIN)/python -m benchmarks.disk_full --sizes 24

# Mutated files through every reader of run files, settings, images, weights and records of runs; hours
fuzz: .venv/tests-installed
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.fuzz_run_files --files 1000000 --processes 2
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.drawn_tasks
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.fuzz_settings
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.fuzz_images
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.fuzz_records

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is required; choose one: make PYTHON=python3.12")'
	@echo "Installing into .venv: torch and its companions, about 6 GB; minutes, once."
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	@touch $@

.venv/fast-installed: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[fast]'
	@touch $@

.venv/tests-installed: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test]'
	@touch $@
