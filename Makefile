# The commands of this project. `make` alone lists them.

CARGO ?= cargo
# Scenarios of one file share a bed: all of them have to run at once.
E2E_THREADS = 16
BED = $(CARGO) run -q -p nodemend-bed --bin bed --
# `make torture TORTURE="--only drain-and-reboot --sites 2"` for a part of it; what was played already is not played again.
TORTURE =
# `make scale SCALE="--nodes 2000 --restart-nodes 0 --seed 7"` for another size or the same kills again.
SCALE =
# `make model MODEL="--trouble 3 --seconds 3600"` searches further.
MODEL =
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
# The name of the image that `make image` makes; the chart's values have the same.
IMAGE = nodemend.dev/nodemend:$(VERSION)
HOST = $(shell rustc -vV | sed -n 's/^host: //p')
DEMO = $(CARGO) run -q -p nodemend-e2e --bin demo --

.DEFAULT_GOAL := help
.PHONY: help deps build image demo demo-down model properties scale torture bench test test-unit test-e2e lint

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

deps: ## Install the Debian packages that are missing (as root; otherwise say with one command how to)
	@tests/deps.sh
	@$(BED) deps

build: deps ## Build everything; the first time takes about ten minutes, most of it the cluster's programs
	@echo "==> nodemend"
	@$(CARGO) build -q --workspace --bins
	@echo "==> the cluster's programs and the hosts' image"
	@$(BED) build

# One static program: nothing of the machine that builds it is needed where it runs, but the authorities it trusts.
image: deps ## The controller's container image, target/image/nodemend.tar, without a container engine
	@echo "==> image"
	@RUSTFLAGS="-C target-feature=+crt-static" \
		$(CARGO) build -q --release --target $(HOST) -p nodemend --features vendored
	@$(BED) image --name $(IMAGE) --program target/$(HOST)/release/nodemend \
		--file /etc/ssl/certs/ca-certificates.crt=/etc/ssl/certs/ca-certificates.crt --output target/image/nodemend.tar

demo: build ## A pool of four real nodes with old systemd, one with a hung PID 1, heals itself in front of you
	@$(DEMO)

demo-down: ## Take the demo away, with everything that belongs to it
	@$(DEMO) down

scale: build ## 5,000 plain nodes in one run, then 1,000 with a controller that is killed; about an hour and a half
	@$(CARGO) build -q --release -p nodemend -p nodemend-e2e --bins
	@target/release/scale $(SCALE)

torture: build ## Each fault at each write and SSH connection of the main playbooks; over an hour, and it can resume
	@$(CARGO) build -q --release -p nodemend -p nodemend-e2e --bins
	@target/release/torture $(TORTURE)

bench: build ## How long a run over eight real nodes takes, against the least that it could take
	@$(CARGO) run -q -p nodemend-e2e --bin makespan

test: build lint test-unit test-e2e ## Everything: lint, unit tests, tests on real hosts, end to end

test-unit: build ## All tests but those end to end; some need root, for they start real hosts
	@echo "==> tests of the crates"
	@$(CARGO) test --workspace --exclude nodemend-e2e

test-e2e: build image ## End to end: the built binary on real hosts
	@echo "==> end to end"
	@$(CARGO) test -p nodemend-e2e -- --test-threads=$(E2E_THREADS)

model: ## Every order of events around the decisions that a few troubles allow; minutes on two cores
	@$(CARGO) build -q --release -p nodemend-model --bin model
	@target/release/model $(MODEL)

properties: ## A million generated schedules against the decisions: budgets, failure limits, Holds, standstills
	@$(CARGO) build -q --release -p nodemend-model --bin properties
	@target/release/properties

lint: build ## Format, clippy, playbooks, what core may depend on, licences and sources of dependencies
	@echo "==> lint"
	@$(CARGO) fmt --all --check
	@$(CARGO) clippy -q --workspace --all-targets -- -D warnings
	@tests/lint-core.sh
	@for playbook in playbooks/*/*.yaml; do target/debug/nodemend playbook lint "$$playbook" || exit 1; done
	@tests/lint-dependencies.sh
