# The first two targets are what README.md tells a person to run on a fresh machine; they install what they need.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.netdoctor-ready

.PHONY: help demo test test-vm fuzz check bench schema record venv tools engines browser clean

help:
	@echo 'make demo    build a two-node VXLAN network with a fault in namespaces, diagnose it, take it away (root)'
	@echo 'make test    run every test (those that build networks need root)'
	@echo "make test-vm hold it against Debian's stock kernel in a virtual machine; ARGS='--count 100' (root)"
	@echo "make fuzz    made-up snapshots and rules against their readers; ARGS='--seconds 600'"
	@echo 'make check   ruff, mypy --strict, import-linter'
	@echo 'make browser install Chromium, for the test of the view in a browser (root)'
	@echo 'make bench   what a diagnosis costs on a node with 10 and with 250 pods, with 100 and 40,000 rules (root)'
	@echo 'make schema  write the JSON schemas and the manual page again'
	@echo "make record  build the fixtures and record what the kernel makes of them (root); ONLY='vxlan/*' picks"

# Exit code 1 of the lab command means "unreachable, diagnosed": that is the answer this demo is about.
demo: tools venv
	@$(BIN)/netdoctor lab run vxlan --fault fdb-missing; code=$$?; \
	if [ $$code -eq 1 ]; then echo 'demo: the fault was found (exit code 1: unreachable, diagnosed).' >&2; exit 0; fi; \
	echo "demo: expected exit code 1, got $$code" >&2; exit 1

# Most of a lab test is waiting for answers that do not come, so more of them run than there are processors
# (tests/conftest.py deals them out).
test: tools engines browser venv
	$(BIN)/python -m pytest -n 4 --reruns 1

# VLAN filtering of bridges and the like, which the kernel at hand may lack; emulated in software, so it takes minutes.
test-vm: tools venv
	@missing=''; \
	command -v qemu-system-x86_64 >/dev/null || missing="$$missing qemu-system-x86"; \
	command -v busybox >/dev/null || missing="$$missing busybox-static"; \
	command -v wg >/dev/null || missing="$$missing wireguard-tools"; \
	ls /boot/vmlinuz-*-amd64 >/dev/null 2>&1 || missing="$$missing linux-image-amd64"; \
	[ -z "$$missing" ] || $(call apt,$$missing)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check virtme-ng
	$(BIN)/python -m tests.vm $(ARGS)
	[ -n "$(ARGS)" ] || { $(BIN)/python -m tests.vm --tunnels && $(BIN)/python -m tests.vm faults; }

# `make test` does the same for two minutes.
fuzz: venv
	$(BIN)/python -m tests.fuzz.run $(ARGS)

check: venv
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: tools venv
	$(BIN)/python -m tests.bench

schema: venv
	$(BIN)/python -m netdoctor.schemas
	$(BIN)/python -m netdoctor.man

# What the tests without root replay: to be made anew when a fixture or the snapshot's format changes.
record: tools venv
	$(BIN)/python -m netdoctor.lab.record '$(or $(ONLY),*)'

venv: $(READY)

$(READY): pyproject.toml
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || $(call apt,python3-venv)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

# What the lab builds with, ping, which says whether a packet really arrives, and who reads what is written for others. The package iptables brings both
# backends, and ebtables and arptables on nftables.
tools:
	@missing=''; \
	{ command -v ip && command -v bridge; } >/dev/null || missing="$$missing iproute2"; \
	command -v ping >/dev/null || missing="$$missing iputils-ping"; \
	{ command -v iptables-legacy && command -v iptables-nft && command -v ebtables-nft && command -v arptables-nft; } \
		>/dev/null || missing="$$missing iptables"; \
	command -v nft >/dev/null || missing="$$missing nftables"; \
	command -v ipset >/dev/null || missing="$$missing ipset"; \
	command -v conntrack >/dev/null || missing="$$missing conntrack"; \
	command -v sysctl >/dev/null || missing="$$missing procps"; \
	command -v zsh >/dev/null || missing="$$missing zsh"; \
	command -v fish >/dev/null || missing="$$missing fish"; \
	command -v mandoc >/dev/null || missing="$$missing mandoc"; \
	command -v tcpdump >/dev/null || missing="$$missing tcpdump"; \
	command -v ssh >/dev/null || missing="$$missing openssh-client"; \
	command -v tmux >/dev/null || missing="$$missing tmux"; \
	[ -z "$$missing" ] || $(call apt,$$missing)

# Container engines, plugins, bird and sshd, for the tests that run them in namespaces of their own. What is installed stays as
# it is; where installing would start a service, it is left to the user. Tests whose engine is missing are skipped by name.
engines:
	@missing=''; \
	command -v dockerd >/dev/null || missing="$$missing docker.io"; \
	command -v podman >/dev/null || missing="$$missing podman netavark"; \
	[ -x /usr/lib/cni/bridge ] || missing="$$missing containernetworking-plugins"; \
	command -v bird >/dev/null || missing="$$missing bird2"; \
	command -v busybox >/dev/null || missing="$$missing busybox-static"; \
	[ -x /usr/sbin/sshd ] || missing="$$missing openssh-server"; \
	[ -z "$$missing" ] || { { [ -d /run/systemd/system ] || [ "$$(id -u)" != 0 ]; } && \
		echo "not installed here (systemd would start their services):$$missing; tests that need them are skipped" >&2; } || \
	( $(call apt,$$missing) ) || echo "could not be installed:$$missing; tests that need them are skipped" >&2
	@# Since Debian 13 the client is a package of its own.
	@! command -v dockerd >/dev/null || command -v docker >/dev/null || ( $(call apt,docker-cli) ) || true

# Chromium, for the test of the view in a browser; without it that test is skipped by name.
browser:
	@command -v chromium >/dev/null || ( $(call apt,chromium) ) || echo 'no Chromium: the test that needs it is skipped' >&2

clean:
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

# $(call apt,PACKAGES): install Debian packages, or say what to install where that cannot be done. In runlevel 1
# invoke-rc.d(8) starts no services.
define apt
{ if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	apt-get update -qq && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(1) >&2; \
else echo "netdoctor needs these packages: $(1)" >&2; exit 1; fi; }
endef
