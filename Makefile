# Everything a newcomer needs: `make demo` and `make test`. Each sets up its own environments under .venv/ the first time
# and uses them again the next. Only Python 3.11 or newer, pip and make are needed beforehand.

PYTHON ?= python3
MINUTES ?= 33

# `make test ORDER="--random-order --random-order-seed=7"` runs the tests in another order. `make test STRICT=1` fails if a
# test is skipped or a Python is missing. `make test COVERAGE=1` prints the share of our lines that the largest suite runs,
# which then takes about half as much processor time again.
ORDER ?=
STRICT ?=
COVERAGE ?=
PYTEST = -m pytest $(ORDER) $(if $(STRICT),-p tests.skips)

# ONNX Runtime sends usage data unless this is set.
export ORT_DISABLE_TELEMETRY ?= 1

.PHONY: help demo test test-client-versions test-client test-lowest test-clients clients clients-check protos test-serving test-export test-peers coverage package check format proto proto-check bench bench-smoke networks conformance oracles reliability demo-model recogniser clean

help:
	@echo "make demo        set up, start a server, render the embedded model, write demo/contact-sheet.png"
	@echo "make test        set up and run all tests, each suite in its own environment"
	@echo "make check       ruff, formatting, mypy --strict, buf lint, generated code up to date"
	@echo "make package     build the sdist and the wheel, check what is in them, use the wheel in empty environments"
	@echo "make coverage    the share of our lines that the suites of make test-serving run"
	@echo "make test-peers  compare the presets of other projects with their own packages"
	@echo "make test-clients build the clients in other languages and run the same cases in each"
	@echo "make format      let ruff fix what it can"
	@echo "make proto       regenerate proto/reverie_proto from the .proto files; make clients the code in clients/ (needs Go)"
	@echo "make protos      put the .proto files into one archive, .build/protos"
	@echo "make bench       repeat the measurements of the documentation (hours; see bench/README.md)"
	@echo "make bench-smoke run each contestant of the measurements once (minutes)"
	@echo "make networks    compare gradients of many networks with torch; continues where it stopped (hours)"
	@echo "make conformance run the same graphs in every available runtime and compare (Node.js, npm; Chromium if installed)"
	@echo "make oracles     compare the gradient of every operator with torch, onnx-ad and onnxruntime-training"
	@echo "make reliability test a server at length: load, faults, hostile input (hours; see docs/reliability.md)"
	@echo "make demo-model  draw the images and train texture19 from scratch (hours); MINUTES=90 without bfloat16"
	@echo "make recogniser  train the second network, which judges the first one's pictures, the same way"
	@echo "make clean       remove the environments and everything that was built"

# ----- the demo -----

demo: .venv/serve/ready
	@.venv/serve/bin/python examples/demo.py

# ----- tests: the client alone, the server without torch, the export with it -----

test: test-client-versions test-serving test-export
	@echo "All tests passed."

# The client's tests mostly wait, so those of all its environments run at the same time.
test-client-versions:
	@$(MAKE) --no-print-directory --jobs 4 --output-sync=target test-client test-lowest $(NEWER:%=test-python%)

test-client: .venv/client/ready
	@echo "== the client alone: no onnx, no onnxruntime, no torch"
	@.venv/client/bin/python -m tests.absent onnx onnx_ir onnxruntime torch
	@.venv/client/bin/python $(PYTEST) $(CLIENT_TESTS)

test-lowest: .venv/lowest/ready
	@echo "== the client alone, with the lowest versions that pyproject.toml promises"
	@.venv/lowest/bin/python $(PYTEST) $(CLIENT_TESTS)

test-python%:
	@$(if $(call python,$*),$(MAKE) --no-print-directory .venv/python$*/ready,$(MISSING))
	@$(if $(call python,$*),echo "== the client alone on Python $*" && .venv/python$*/bin/python $(PYTEST) $(CLIENT_TESTS))

MISSING = echo "== the client alone, on Python $*: not tested, there is no such Python here"$(if $(STRICT), && exit 1)

test-serving: .venv/serve/tested
	@echo "== gradients, the ascent and the service: no torch"
	@.venv/serve/bin/python -m tests.absent torch torchvision onnxscript
	@mkdir -p .build
	@.venv/serve/bin/python $(if $(COVERAGE),-m coverage run) $(PYTEST) $(SERVING_TESTS)
	@$(if $(COVERAGE),.venv/serve/bin/python -m coverage report --skip-covered --skip-empty)

test-export: .venv/export/ready
	@echo "== export and the comparisons with torch"
	@.venv/export/bin/python $(PYTEST) $(TORCH_TESTS) tests/export tests/demo_model tests/docs/test_exporting_pages.py

# Not a part of `make test`: they need toolchains, and a client is left out with a sentence where its own is not here.
# TABLE=1 puts what was seen into docs/clients.md.
test-clients: .venv/serve/tested
	@echo "== the clients in other languages: built, and run against a server"
	@.venv/serve/bin/python $(PYTEST) tests/clients $(if $(TABLE),--write-table)

# Not a part of `make test`: the packages are large, and each is one release, which does not change.
test-peers: .venv/peers/ready
	@echo "== presets of other projects against their own packages"
	@.venv/peers/bin/python $(PYTEST) -p tests.skips tests/peers

coverage:
	@$(MAKE) --no-print-directory test-serving COVERAGE=1

CLIENT_TESTS := tests/client tests/proto
TORCH_TESTS := tests/gradient/test_networks.py tests/gradient/test_layers.py tests/gradient/test_torch.py tests/ascent/program/optimizers/test_torch.py
SERVING_TESTS := tests/test_house.py tests/test_public_names.py tests/gradient tests/ascent tests/server tests/docs/test_code_blocks.py $(TORCH_TESTS:%=--ignore=%)

# The Pythons after the one that everything is tested on.
NEWER := 3.12 3.13

# $(call python,VERSION) is the first interpreter of a version, on the path or where pyenv and uv keep theirs.
PLACES = $(HOME)/.pyenv/versions/$(1).*/bin/python $(HOME)/.local/share/uv/python/cpython-$(1).*/bin/python
python = $(firstword $(foreach each,python$(1) $(wildcard $(PLACES)),$(shell $(each) -c 'import sys, venv; print(sys.executable)' 2>/dev/null)))

# ----- what is shipped -----

package: .venv/package/ready
	@echo "== the sdist and the wheel"
	@rm -rf .build/dist
	@.venv/package/bin/python -m build --outdir .build/dist .
	@.venv/package/bin/twine check --strict .build/dist/*
	@.venv/package/bin/python $(PYTEST) tests/packaging

# ----- checks and everything else -----

check: .venv/check/ready proto-check
	@echo "== ruff"
	@.venv/check/bin/ruff check .
	@.venv/check/bin/ruff format --check .
	@echo "== mypy"
	@.venv/check/bin/mypy proto/generate.py proto/generate_clients.py proto/archive.py gradient/reverie_gradient ascent/reverie_ascent export/reverie_export server/reverie_server client/reverie examples bench conformance demo_model docs tests
	@echo "== buf"
	@cd proto && ../.venv/check/bin/buf lint && ../.venv/check/bin/buf breaking --against baseline.binpb
	@PATH="$(CURDIR)/.venv/check/bin:$$PATH" .venv/check/bin/python -m pytest -q tests/checks
	@echo "== the picture of docs/architecture.md"
	@.venv/check/bin/python -m docs.draw_architecture --check

format: .venv/check/ready
	@.venv/check/bin/ruff check --fix .
	@.venv/check/bin/ruff format .

proto: .venv/proto/ready
	@.venv/proto/bin/python proto/generate.py

# The code of other languages that is committed; needs Go.
clients: .venv/check/ready
	@.venv/check/bin/python proto/generate_clients.py

clients-check: .venv/check/ready
	@echo "== generated code of other languages"
	@.venv/check/bin/python proto/generate_clients.py --check

protos:
	@$(PYTHON) proto/archive.py .build/protos

proto-check: .venv/proto/ready
	@echo "== generated code"
	@.venv/proto/bin/python proto/generate.py --check

bench: .venv/bench/ready .venv/training/ready
	@for name in start_up step_time step_program export_vgg19 renders service growth threads natural_maximum recognition plots; do \
		echo "== bench.$$name" && .venv/bench/bin/python -m bench.$$name || exit 1; done

# Each row of docs/reliability.md, long form; figures on standard output.
RELIABILITY ?= doors dispatch_races kill_job store_faults job_file_faults sigterm hosts unread estimates shares load fuzz soak
RACES ?= 500

reliability: .venv/serve/tested
	@echo "== tests/server/rpc/test_states.py and test_races.py, $(RACES) seeds"
	@REVERIE_RACES=$(RACES) .venv/serve/bin/python -m pytest -q --timeout 0 tests/server/rpc/test_states.py tests/server/scheduler/test_races.py
	@for name in $(RELIABILITY); do \
		echo "== tests.reliability.$$name" && .venv/serve/bin/python -m tests.reliability.$$name || exit 1; done

bench-smoke: .venv/bench/ready .venv/training/ready
	@echo "== every contender of the races runs, and agrees"
	@.venv/bench/bin/python -m bench.smoke

networks: .venv/networks/ready
	@.venv/networks/bin/python -m bench.networks --all

conformance: .venv/serve/ready .venv/onnxruntime-served/ready .venv/onnxruntime-oldest/ready .venv/openvino/ready .venv/onnx-ad/ready .venv/training/ready
	@if command -v npm > /dev/null; then $(MAKE) --no-print-directory conformance/javascript/node_modules; fi
	@if command -v nvidia-smi > /dev/null; then $(MAKE) .venv/onnxruntime-gpu/ready; fi
	@.venv/serve/bin/python -m conformance
	@.venv/serve/bin/python -m conformance.oracles graphs

oracles: .venv/serve/ready .venv/export/ready .venv/onnx-ad/ready .venv/training/ready
	@.venv/serve/bin/python -m conformance.oracles operators

demo-model: .venv/export/ready
	@.venv/export/bin/python -m demo_model.train --minutes $(MINUTES)
	@.venv/export/bin/reverie export demo_model.network:texture19 --weights demo_model/texture19.safetensors \
		--name texture19 --out ascent/reverie_ascent/embedded --force

recogniser: .venv/export/ready
	@.venv/export/bin/python -m demo_model.train --seed 1 --minutes $(MINUTES) --half --out demo_model/recogniser.safetensors

clean:
	rm -rf .venv .build conformance/javascript/node_modules demo .mypy_cache .ruff_cache .pytest_cache

# ----- environments -----

# $(call environment,NAME,WHAT,REQUIREMENTS,PYTHON), the last one $(PYTHON) where none is named
define environment
	@echo "== setting up $(2) in .venv/$(1): once"
	@$(or $(4),$(PYTHON)) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Reverie needs Python 3.11 or newer; this is " + sys.version + ". Name another: make PYTHON=python3.12 ...")'
	@rm -rf .venv/$(1)
	@$(or $(4),$(PYTHON)) -m venv .venv/$(1)
	@.venv/$(1)/bin/python -m pip install --quiet --upgrade pip
	@.venv/$(1)/bin/python -m pip install --quiet $(3)
	@touch $@
endef

# $(call beside_export,NAME,WHAT,REQUIREMENTS) makes an environment that also has all packages of .venv/export, so that
# torch is installed once.
define beside_export
	@echo "== setting up $(2) in .venv/$(1), beside the packages of .venv/export: once"
	@rm -rf .venv/$(1)
	@.venv/export/bin/python -m venv .venv/$(1)
	@echo "import site; site.addsitedir('$$(.venv/export/bin/python $(SITE))')" > "$$(.venv/$(1)/bin/python $(SITE))/export.pth"
	@.venv/$(1)/bin/python -m pip install --quiet --no-warn-conflicts $(3)
endef
SITE = -c "import site; print(site.getsitepackages()[0])"

# $(call needs_311,WHAT)
define needs_311
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "$(1) is not to be had for newer Pythons than 3.11; this is " + sys.version.split()[0] + ". Name another: make PYTHON=python3.11 ...")'
endef

.venv/client/ready: pyproject.toml
	$(call environment,client,the client,--editable . --group test)

# The lowest numpy and grpcio have no wheels for Pythons after 3.12.
.venv/lowest/ready: pyproject.toml
	$(call environment,lowest,the client with its lowest requirements,--editable . --group test $$($(PYTHON) -m tests.packaging.lowest),$(or $(call python,3.11),$(call python,3.12)))

.venv/python%/ready: pyproject.toml
	$(call environment,python$*,the client on Python $*,--editable . --group test,$(call python,$*))

# The newest Python there is: the wheel is the only thing that runs the server on it.
.venv/package/ready: pyproject.toml
	$(call environment,package,what builds and examines packages,--group package,$(or $(call python,3.13),$(call python,3.12)))

.venv/serve/ready: pyproject.toml
	$(call environment,serve,the server and the client,--editable ".[server]")

.venv/serve/tested: .venv/serve/ready
	@.venv/serve/bin/python -m pip install --quiet --group test-serving
	@touch $@

# onnxruntime is not among the export's own needs: the tests compare with it. So is overcomplete, of which the tests
# import a part that does without its requirements: scikit-learn, scikit-image, OpenCV and others.
.venv/export/ready: pyproject.toml
	$(call environment,export,the export with torch and torchvision (5 GB),--editable ".[export$(COMMA)server]" --group test --group test-docs)
	@.venv/export/bin/python -m pip install --quiet --no-deps --group overcomplete

# Lucent asks for releases of its own time; these few packages are what it really imports.
.venv/bench/ready: .venv/export/ready
	$(call beside_export,bench,the measurements with OpenVINO and torch-lucent,decorator ipython matplotlib openvino scipy tqdm)
	@.venv/bench/bin/python -m pip install --quiet --no-deps torch-lucent==0.1.8 kornia==0.4.1
	@touch $@

# Other projects whose recipes are presets. Some ask for a Python that has packages of their time. horama installs its
# tests as a package called tests, which would hide ours.
.venv/peers/ready: .venv/export/ready
	$(call needs_311,torch-dreams 4.0.0)
	$(call beside_export,peers,other projects of feature visualization,dreamlens==0.1.1 horama==0.3.0 einops torch-dreams==4.0.0 decorator ipython tqdm)
	@.venv/peers/bin/python -m pip install --quiet --no-deps torch-lucent==0.1.8 kornia==0.4.1
	@rm -rf .venv/peers/lib/python*/site-packages/tests
	@touch $@

.venv/networks/ready: .venv/export/ready
	$(call beside_export,networks,the networks of timm,timm)
	@touch $@

# The last onnxruntime-training shares its folder with onnxruntime, and knows nothing newer than these.
.venv/training/ready:
	$(call needs_311,onnxruntime-training 1.19.2)
	$(call environment,training,onnxruntime-training to measure against,"onnxruntime-training==1.19.2" "numpy<2" "onnx<1.18" setuptools)

# What the conformance suite runs in: the oldest release that the server takes, the oldest that Python 3.11 can have.
.venv/onnxruntime-served/ready:
	$(call environment,onnxruntime-served,the oldest onnxruntime that is served,"onnxruntime==1.28.0")

.venv/onnxruntime-oldest/ready:
	$(call needs_311,onnxruntime 1.15.1)
	$(call environment,onnxruntime-oldest,the oldest onnxruntime there is,"onnxruntime==1.15.1" "numpy<2")

.venv/openvino/ready:
	$(call environment,openvino,OpenVINO,openvino)

.venv/onnx-ad/ready:
	$(call environment,onnx-ad,onnx-ad to compare gradients with,onnx-ad "onnx>=1.21" onnxruntime)

.venv/onnxruntime-gpu/ready:
	$(call environment,onnxruntime-gpu,onnxruntime for NVIDIA GPUs (3 GB),"onnxruntime-gpu[cuda$(COMMA)cudnn]")

conformance/javascript/node_modules: conformance/javascript/package.json
	@cd conformance/javascript && npm install --no-package-lock --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

.venv/check/ready: pyproject.toml
	$(call environment,check,the checkers,--editable ".[server]" --group test-serving --group check)

.venv/proto/ready: pyproject.toml
	$(call environment,proto,the protocol compiler,--group proto)

COMMA := ,
