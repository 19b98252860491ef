# The front door. Every target sets up what it needs in .venv; `make PYTHON=python3.12 …` chooses another Python.
PYTHON ?= python3
PYTHON311 ?= python3.11
BIN := .venv/bin
HOURS ?= 2
SECONDS ?= 600
SEED ?= 1
CASES ?= 10
PAGE := keras_sep/page/index.html
PAGE_SOURCES := $(wildcard web_demo/*.html web_demo/*.ts web_demo/*.json web_demo/src/*.ts web_demo/src/*/*) \
  $(wildcard keras_sep/assets/*.json keras_sep/assets/*.LICENSE keras_sep/assets/*waveform*.tflite) \
  keras_sep/assets/example/mixture.flac
NODE_IS_NEW := const [a, b] = process.versions.node.split("."); process.exit(+(a < 20 || (a == 20 && b < 19)))
NODE := $(shell node -e '$(NODE_IS_NEW)' 2>/dev/null && npm --version 2>/dev/null)

# Every core runs tests of its own, a file's on one of them; CI prints the slowest.
PYTEST = $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder $(if $(CI),--durations=30)

# Ends a recipe: what is in $$missing is installed for root, and named for others.
INSTALL_MISSING = if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	else echo "please install:$$missing (on Debian: sudo apt install$$missing)"; exit 1; fi

.PHONY: help demo web page page-picture android android-picture docs plugin test test-slow test-all test-android test-plugin coverage apk lint bench bench-browser
.PHONY: bench-training bench-plugin endurance fuzz kills check-install check-runtimes check-arm system ffmpeg plugin-system node jdk clean

help:
	@echo "make demo           separate the example song: stems, figures and a picture in demo/"
	@echo "make web            build the page that separates in the browser, and open it (Node.js 20.19 or newer)"
	@echo "make page           build it only, into keras_sep/page: for a wheel, or for any static host"
	@echo "make page-picture   web_demo/page.png, the README's picture of it (Chromium)"
	@echo "make android        what the Android project is built from: models, a song, golden vectors"
	@echo "make android-picture android_demo/screen.png, the application's screen with the example song (JDK 17, Maven, aapt)"
	@echo "make docs           the documentation, into build/docs"
	@echo "make plugin         the LV2 and LADSPA plugin for Linux: plugin/build/lv2, and a tarball of it"
	@echo "make test           the tests of a few minutes, and the whole job once"
	@echo "make test-all       every test, half an hour: also training runs, commands, page, C program, sound and Android"
	@echo "make test-android   the Kotlin library against Python's samples, the application on the JVM (JDK 17, Maven)"
	@echo "make test-plugin    the plugin in hosts, JACK and PipeWire, against Python's samples (about 10 minutes; Debian's tools)"
	@echo "make apk            the application put together without Google's tools, and inspected; Debian's tools"
	@echo "make lint           ruff, mypy and tsc"
	@echo "make bench          time and memory of the shipped models, and of Spleeter's and Open-Unmix's networks (12 minutes;"
	@echo "                    MODELS=folders of converted files instead, PEERS=folder of networks to measure beside)"
	@echo "make bench-browser  time of the page in Chromium (about 6 minutes)"
	@echo "make bench-training time and memory of training (about 10 minutes; DATA=folder adds fit on its audio)"
	@echo "make bench-plugin   docs/results/plugin.md: samples, latency and time of the plugin (about 20 minutes)"
	@echo "make endurance      HOURS=2 of music through each file of the default (about 15 minutes; DATA=folder for its test songs)"
	@echo "make fuzz           damaged audio and model files for SECONDS=600 each, with SEED=1; the next call goes on"
	@echo "make kills          commands ended at random moments, CASES=10 of each; hours (root: it fills a small disk)"
	@echo "make check-install  the wheel alone, in an empty environment"
	@echo "make check-runtimes the files under tflite-runtime 2.14 (Python 3.11; MODELS=folder adds its files)"
	@echo "make check-arm      the files on emulated ARM processors, on Debian (some minutes; MODELS=folder)"

demo: .venv/.demo ffmpeg
	$(BIN)/python -m examples.demo

web: .venv/.demo page
	$(BIN)/keras-sep web

page: node $(PAGE)

page-picture: .venv/.dev page
	$(BIN)/python -m docs.make_page_picture

android: .venv/.dev
	$(BIN)/python -m export android

android-picture: android jdk
	$(BIN)/python android_demo/checks test MainActivityTest
	cp android_demo/checks/target/screenshots/phone-playing-light.png android_demo/.screen.png.part
	mv android_demo/.screen.png.part android_demo/screen.png

# Offline, and any warning is an error. The banner of MkDocs is about its next release, not about our pages.
docs: .venv/.dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "build/docs/index.html; for its search: python3 -m http.server -d build/docs"

plugin: .venv/.demo plugin-system
	$(MAKE) --silent -C plugin PYTHON=$(abspath $(BIN)/python)

test: .venv/.dev
	$(PYTEST) -m "not slow or end_to_end"

# Without Node.js the page's tests are skipped, and say so.
test-slow: .venv/.dev $(if $(NODE),$(PAGE))
	$(if $(NODE),npm --prefix web_demo test --silent)
	$(PYTEST) -m "slow and not end_to_end and not sound"
	$(BIN)/python -m pytest -m sound  # alone: sound cards wait for nobody

test-all: test test-slow test-android

# Lines and branches that the Python tests reach, those of processes they start among them.
coverage: .venv/.dev $(if $(NODE),$(PAGE))
	$(PYTEST) --cov

# The library's tests print the parity with Python, and write it to android_demo/core/target/parity.md.
test-android: android jdk
	mvn -B -q -f android_demo/pom.xml test \
	  -Dkerassep.litert="$$($(BIN)/python -c 'import ai_edge_litert as l, glob; print(*glob.glob(l.__path__[0] + "/libLiteRt.*"))')"
	@command -v aapt2 >/dev/null || { \
	  echo "not run: the application's tests, which need aapt2 (on Debian: sudo apt install aapt)"; exit 0; }; \
	$(BIN)/python android_demo/checks test

# What is missing for single tests is said by those.
test-plugin: .venv/.dev plugin
	$(BIN)/python -m pytest tests/plugin tests/keras_sep/test_desktop.py

apk: android jdk
	$(BIN)/python android_demo/checks apk

lint: .venv/.dev $(if $(NODE),web_demo/node_modules/.package-lock.json)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(if $(NODE),npm --prefix web_demo run --silent check)

bench: .venv/.dev
	$(BIN)/python -m benchmarks costs $(MODELS) $(if $(PEERS),--peers $(PEERS))
	$(BIN)/python -m benchmarks separators

bench-browser: .venv/.dev page
	$(BIN)/python -m benchmarks browser

bench-training: .venv/.dev
	$(BIN)/python -m training benchmark $(if $(DATA),--data $(DATA))

bench-plugin: .venv/.demo plugin
	$(BIN)/python -m plugin.checks

endurance: .venv/.demo
	$(BIN)/python -m export endure --hours $(HOURS) $(if $(DATA),--data $(DATA))

fuzz: .venv/.dev
	$(BIN)/python -m fuzz audio --seconds $(SECONDS) --seed $(SEED)
	$(BIN)/python -m fuzz models --seconds $(SECONDS) --seed $(SEED)

kills: .venv/.dev
	$(BIN)/python -m fuzz kills --cases $(CASES) --seed $(SEED)

# What a user gets: no TensorFlow, no Keras, nothing of the checkout.
check-install: .venv/.dev page
	rm -rf build/check build/lib build/bdist.* && $(BIN)/python -m build --wheel --outdir build/check . >/dev/null
	$(PYTHON) -m venv build/check/venv && build/check/venv/bin/pip install --quiet build/check/*.whl
	cd build/check && venv/bin/keras-sep separate --example -o stems
	cd build/check && venv/bin/python -c "from keras_sep.web import PageServer; PageServer(0).server_close()"
	! build/check/venv/bin/python -c "import keras" 2>/dev/null
	! build/check/venv/bin/python -c "import tensorflow" 2>/dev/null

# Beyond what is tested everywhere: they fetch what they need, into build/.
check-runtimes: .venv/.demo
	bash .ci/check-runtimes $(BIN)/python $(PYTHON311) $(MODELS)

check-arm: .venv/.demo
	bash .ci/check-arm $(BIN)/python $(MODELS)

.venv/.demo: pyproject.toml | system
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[demo]"
	@touch $@

.venv/.dev: pyproject.toml | system ffmpeg
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[train,dev]"
	@touch $@ .venv/.demo

$(PAGE): web_demo/node_modules/.package-lock.json $(PAGE_SOURCES)
	npm --prefix web_demo run --silent build -- --logLevel warn
	@touch $@

web_demo/node_modules/.package-lock.json: web_demo/package-lock.json
	npm --prefix web_demo ci --silent --no-audit --no-fund
	@touch $@

node:
	@test -n "$(NODE)" || { echo "please install Node.js 20.19 or newer, with npm (here: $$(node --version 2>/dev/null || echo none))"; exit 1; }

# To build and to test: a compiler and headers.
plugin-system:
	@[ "$$(uname)" = Linux ] || { echo "expected Linux, for which the plugin is. Received: $$(uname)"; exit 1; }; \
	missing=""; \
	for tool in cc:gcc make:make pkg-config:pkg-config; do \
	  command -v $${tool%%:*} >/dev/null || missing="$$missing $${tool#*:}"; done; \
	for header in lv2/core/lv2.h:lv2-dev ladspa.h:ladspa-sdk speex/speex_resampler.h:libspeexdsp-dev lilv-0/lilv/lilv.h:liblilv-dev; do \
	  echo "#include <$${header%%:*}>" | cc -E -I/usr/include/lilv-0 - >/dev/null 2>&1 || missing="$$missing $${header#*:}"; done; \
	[ -z "$$missing" ] || missing=" libc6-dev$$missing"; \
	$(INSTALL_MISSING)

jdk:
	@missing=""; \
	javac -version 2>&1 | grep -qE 'javac (1[7-9]|[2-9][0-9])' || missing="$$missing JDK-17-or-newer"; \
	command -v mvn >/dev/null || missing="$$missing Maven"; \
	[ -z "$$missing" ] || { echo "please install:$$missing (on Debian: sudo apt install default-jdk-headless maven)"; exit 1; }

# Debian's Python needs its venv package.
system:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "expected Python 3.10 or newer as $(PYTHON); choose one with: make PYTHON=python3.12 ..."; exit 1; }
	@missing=""; \
	$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || missing=" python3-venv"; \
	$(INSTALL_MISSING)

# The program, which museval needs.
ffmpeg:
	@missing=""; \
	command -v ffmpeg >/dev/null || missing=" ffmpeg"; \
	$(INSTALL_MISSING)

clean:
	rm -rf .venv build dist demo keras_sep/page web_demo/node_modules *.egg-info .*_cache \
	  android_demo/*/target android_demo/app/src/main/assets android_demo/core/src/test/resources/golden c_demo/build plugin/build
