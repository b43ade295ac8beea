# Every verb makes what it needs first: .venv with pinned, hash-checked packages and, where Qt is involved, its few
# system libraries (tools/environment.py). Nothing is needed beforehand but python3, python3-venv, make and git.

PYTHON ?= python3
VENV_PYTHON := .venv/bin/python
PYTEST := QT_API=pyside6 QT_QPA_PLATFORM=offscreen $(VENV_PYTHON) -m pytest
# Hundreds of programs are started by the tests: none shall compile again what another one has.
unexport PYTHONDONTWRITEBYTECODE
# One worker per core. Tests marked xdist_group("name") share a worker, one after the other.
PARALLEL := -n logical --maxprocesses 8 --dist loadgroup

.PHONY: help demo app test check translations test-interop test-cluster test-desktop test-packages package-linux package-windows package-macos screenshots bench bench-full bench-gateway bench-peers bench-publish stress clean runtime-environment app-environment package-environment dev-environment

help:
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

demo: runtime-environment ## expose a web page through a gateway, all on this computer (PORT=3000: your service; ONCE=1: one request)
	@$(VENV_PYTHON) -m relaydesk demo $(if $(PORT),--port $(PORT)) $(if $(ONCE),--once) || [ $$? = 130 ] # Ctrl-C is how it ends

app: app-environment ## start the tray application
	@QT_API=pyside6 $(VENV_PYTHON) -m relaydesk

test: dev-environment ## run the tests (ARGS="-k name" for some of them; COVERAGE=1: show branches that none takes)
	$(PYTEST) $(PARALLEL) $(if $(COVERAGE),--cov) -m "not interop and not desktop and not cluster and not packaging" $(ARGS)

check: dev-environment ## check format, lint, types, who imports whom, and that everything is translated
	$(VENV_PYTHON) -m ruff format --check
	$(VENV_PYTHON) -m ruff check
	$(VENV_PYTHON) -m mypy
	.venv/bin/lint-imports
	$(VENV_PYTHON) tools/translations.py check

translations: dev-environment ## bring resources/translations in step with the source, and list what is not translated
	$(VENV_PYTHON) tools/translations.py update

test-interop: dev-environment ## run other people's clients and servers against ours (.ci/run lists what it needs)
	$(PYTEST) tests/interop $(ARGS)

test-cluster: dev-environment ## run the tests of several gateways that share servers (.ci/run lists what it needs)
	$(PYTEST) -m cluster $(ARGS)

test-desktop: dev-environment ## click through the desktop on a screen of its own (.ci/run lists what it needs)
	$(PYTEST) tests/desktop $(ARGS)

test-packages: dev-environment ## make packages, install them into a bare Debian and under wine, and try them (.ci/run lists what it needs)
	$(PYTEST) tests/packaging $(ARGS)

package-linux: package-environment ## make .deb, .rpm, .tar.gz and an AppDir in dist/ (ARGS="--only deb")
	$(VENV_PYTHON) packaging/package_linux.py $(ARGS)

package-windows: package-environment ## make the installers for Windows in dist/, of what was frozen there (packaging/README.md)
	$(VENV_PYTHON) packaging/package_windows.py $(ARGS)

package-macos: package-environment ## make RelayDesk.app and its disk image in dist/, on macOS (packaging/README.md)
	$(VENV_PYTHON) packaging/bundle.py
	$(VENV_PYTHON) packaging/package_macos.py $(ARGS)

screenshots: dev-environment ## make the pictures of docs/images: each page, light and dark
	QT_API=pyside6 $(VENV_PYTHON) -m tests.screenshots --for-documents docs/images

bench: dev-environment ## measure the gateway alone, and whole paths beside other people's relays: the core, 15 minutes
	@failed=0; $(VENV_PYTHON) -m benchmarks --rounds 5 || failed=1; \
	$(VENV_PYTHON) -m benchmarks.paths $(ARGS) || failed=1; exit $$failed

bench-full: dev-environment ## measure everything, for two hours: all works on whole paths, and how costs grow
	@failed=0; $(VENV_PYTHON) -m benchmarks || failed=1; \
	$(VENV_PYTHON) -m benchmarks.growth || failed=1; \
	$(VENV_PYTHON) -m benchmarks.paths --full $(ARGS) || failed=1; exit $$failed

bench-gateway: dev-environment ## measure the gateway alone (ARGS=--quick: a look)
	$(VENV_PYTHON) -m benchmarks $(ARGS)

bench-peers: dev-environment ## bring the relays to be measured beside ours into a cache folder, and say which are missing
	$(VENV_PYTHON) -m benchmarks.peers

bench-publish: dev-environment ## put runs into docs/performance.md (ARGS="--paths FILE --gateway FILE --growth FILE")
	$(VENV_PYTHON) -m benchmarks.publish $(ARGS)

stress: dev-environment ## run the load and fault tests at full size
	RELAYDESK_STRESS=full $(PYTEST) -m stress --timeout 3600 $(ARGS)

clean: ## remove what the other verbs made
	rm -f hyco/_frame_loop.c hyco/_frame_loop.*.so hyco/_frame_loop.*.pyd
	rm -rf .venv .coverage* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

runtime-environment app-environment package-environment dev-environment:
	@$(PYTHON) tools/environment.py $(@:-environment=)
