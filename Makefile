# ruleout: build, test, measure. `make help` lists the targets.

SCENARIO  ?= scenarios/dup-ack.yaml
SEED      ?= 1
KERNEL    ?=
SCENARIOS ?= $(wildcard scenarios/*.yaml)
REAL      ?= $(shell grep -L '^hypotheses:' scenarios/real/*.yaml)
CASES     ?= scenarios/validate
ONLY      ?=
RUNS      ?= 20
KILLS     ?= 100
JOBS      ?= 2
SHORT     ?=
SEEDS     ?= 20
BUDGET    ?=
CAMPAIGNS ?= $(shell grep -l '^hypotheses:' scenarios/*/*.yaml)
KERNELS   ?= $(foreach s,$(SERIES),$(firstword $(subst =, ,$(s))))

MUTANTS   ?= 150
PLANT     ?= 1
PACKAGES  ?=
SHARD     ?=
PLATFORMS ?= linux-amd64 linux-arm64 darwin-arm64 darwin-amd64

# Series of kernels that results are compared on, with the suites that have them where apt
# is set up for none that does.
SERIES    ?= 5.10=bullseye-security,bullseye 6.1=bookworm-security,bookworm 6.12=bookworm-backports,trixie 7=sid,forky

# The guest program is a guest's first process, so it has to be static; and two clones of the
# repository have to build the same bytes, whatever their paths. That goes for the programs of tests too: they run
# in guests, and what passes in one clone then passes in all.
export CGO_ENABLED := 0
export GOFLAGS := -trimpath $(GOFLAGS)
GOBUILD := go build -buildvcs=false -ldflags='-s -w'
LINT    := .github/tools

.DEFAULT_GOAL := build
.PHONY: build setup kernels test test-kernels test-cross fidelity sysctls real suspects \
	test-scenario validate validate-broken soak soak-kills nightly mutants bench lint generate dist dist-check clean \
	help go

build: go ## build bin/ruleout and bin/ruleout-guest
	@$(GOBUILD) -o bin/ ./cmd/ruleout ./cmd/ruleout-guest

setup: build ## get what is missing: QEMU and a kernel
	@bin/ruleout setup $(if $(KERNEL),--kernel $(KERNEL))

kernels: setup ## get a kernel of each series that is not in the store: SERIES=…
	@failed=0; for s in $(SERIES); do bin/ruleout setup --kernel $${s%%=*} --suite $${s#*=} || failed=$$?; done; exit $$failed

test: setup ## set up, and run all tests, those that boot kernels included
	@bin/ruleout setup --tests
	go test -count=1 -p 1 -timeout 20m ./...

test-kernels: kernels ## run the tests of faults, captures and names on each kernel: SERIES=…
	@for s in $(SERIES); do RULEOUT_KERNEL=$${s%%=*} go test -count=1 -timeout 40m ./harness/run/fault ./harness/run/truth/inquiry ./harness/run/capture ./harness/scenario/sysctl || exit; done
	RULEOUT_TEST_KERNELS=all go test -count=1 -timeout 40m -run TestEveryAction ./harness/machine

test-cross: build ## hold records against what tshark sees in their captures, and write docs/architecture/cross.md: KERNEL=… SHORT=1
	@bin/ruleout setup --tests $(if $(KERNEL),--kernel $(KERNEL))
	RULEOUT_TEST_CROSS=$(CURDIR)/bin/ruleout RULEOUT_KERNEL=$(KERNEL) go test -count=1 -v -timeout 40m $(if $(SHORT),-short) ./harness/selftest/cross $(if $(SHORT)$(KERNEL),,-update)
	RULEOUT_KERNEL=$(KERNEL) go test -count=1 ./harness/selftest/cross/witness

fidelity: setup ## compare the built-in services with real programs, and write docs/fidelity.md
	RULEOUT_TEST_FIDELITY=$(CURDIR)/bin/ruleout go test -count=1 -v -timeout 40m -run TestFidelity ./harness/selftest/fidelity -update

sysctls: kernels ## list the names of the kernels' network settings anew: SERIES=…
	@for s in $(SERIES); do RULEOUT_TEST_SYSCTLS=print RULEOUT_KERNEL=$${s%%=*} go test -count=1 -v -run TestSettingsAreListed ./harness/scenario/sysctl || exit; done >bin/sysctls.log
	@{ echo "# Written by make sysctls."; echo "# kernels: $$(sed -n 's/.*: kernel \([0-9]*\.[0-9]*\).*/\1/p' bin/sysctls.log | paste -sd' ')"; sed -n 's/.*: sysctl //p' bin/sysctls.log | awk '!($$1 in why) || !$$2 || why[$$1] {why[$$1] = $$2} END {for (n in why) if (why[n] || n !~ /DEVICE/) print n (why[n] ? " " why[n] : "")}' | LC_ALL=C sort; } >harness/scenario/sysctl/names.txt

# A program of a scenario's own, which is no package.
scenarios/real/service/bin/service: $(wildcard scenarios/real/service/*.go) | go
	@$(GOBUILD) -o $@ ./scenarios/real/service

real: setup scenarios/real/service/bin/service ## run the scenarios with real programs, once each: KERNEL=…
	@for s in $(REAL); do bin/ruleout run $$s --seed $(SEED) $(if $(KERNEL),--kernel $(KERNEL)) || exit; done

suspects: setup ## sweep the campaign about real programs: JOBS=… BUDGET=…
	@bin/ruleout sweep scenarios/real/suspects.yaml -j $(JOBS) $(if $(BUDGET),--budget $(BUDGET))

test-scenario: setup $(if $(findstring real/service,$(SCENARIO)),scenarios/real/service/bin/service) ## set up, and run one scenario: SCENARIO=… SEED=… KERNEL=…
	@bin/ruleout run $(SCENARIO) --seed $(SEED) $(if $(KERNEL),--kernel $(KERNEL))

validate: $(if $(KERNEL),setup,kernels) ## compare kernels with published results: CASES=… ONLY=NAME,… KERNEL=…
	@bin/ruleout validate $(CASES) $(if $(ONLY),--only $(ONLY)) -j $(JOBS) $(if $(KERNEL),--kernel $(KERNEL),$(foreach s,$(SERIES),--kernel $(firstword $(subst =, ,$(s))))) \
		$(if $(KERNEL)$(ONLY)$(filter-out scenarios/validate,$(CASES)),,--markdown docs/validation.md)

validate-broken: setup ## break each published case, to show that it can fail: CASES=… ONLY=NAME,… KERNEL=…
	@bin/ruleout validate $(CASES) $(if $(ONLY),--only $(ONLY)) --break scenarios/validate/broken.txt -j $(JOBS) $(if $(KERNEL),--kernel $(KERNEL))

soak: setup $(if $(findstring real/service,$(SCENARIOS)),scenarios/real/service/bin/service) ## repeat runs on a busy machine: SCENARIOS=… RUNS=… JOBS=…
	@bin/ruleout soak $(SCENARIOS) -n $(RUNS) -j $(JOBS) --load $(if $(KERNEL),--kernel $(KERNEL))

soak-kills: setup ## kill a sweep, and workers and coordinators, at random moments, and go on: KILLS=…
	RULEOUT_KILLS=$(KILLS) go test -count=1 -v -timeout 120m -run "TestScripts/^kills$$" ./cmd/ruleout
	RULEOUT_KILLS=$(KILLS) go test -count=1 -v -timeout 120m -run "TestSiege" ./harness/verdict/cluster

nightly: $(if $(filter file default undefined,$(origin KERNELS)),kernels,setup) ## compare with the baseline, sweep the campaigns: KERNELS=… SEEDS=… BUDGET=… SCENARIOS=… CAMPAIGNS=…
	@KERNELS="$(KERNELS)" SCENARIOS="$(SCENARIOS)" CAMPAIGNS="$(CAMPAIGNS)" SEEDS=$(SEEDS) BUDGET=$(BUDGET) JOBS=$(JOBS) .ci/nightly

mutants: go ## plant errors in the packages that decide, to see that tests find them: PACKAGES=… MUTANTS=… PLANT=… SHARD=…
	go run ./harness/selftest/mutant/mutants -most $(MUTANTS) -seed $(PLANT) -j $(JOBS) $(if $(SHARD),-shard $(SHARD)) $(if $(PACKAGES)$(SHARD)$(filter-out 1,$(PLANT)),,-docs docs/architecture/mutants.md) $(PACKAGES)

bench: setup ## measure the harness itself, side by side with what it replaces
	go test -run "^$$" -bench Build6x5 ./harness/run/topology
	go test -run "^$$" -bench Growth -benchtime 1x -timeout 30m ./harness/verdict/sweep
	go test -run "^$$" -bench Thousand -benchtime 1x -timeout 30m ./harness/verdict/cluster
	go test -run "^$$" -bench Queue ./harness/verdict/cluster
	RULEOUT_KERNEL=$(KERNEL) go test -run "^$$" -bench SelectorAndReceipt -benchtime 1x ./harness/run/fault
	@bin/ruleout bench $(if $(KERNEL),--kernel $(KERNEL))

lint: go ## go.mod as go mod tidy leaves it; golangci-lint and actionlint, as Go tools; the command on other systems
	go mod tidy -diff
	go tool -modfile=$(LINT)/golangci-lint/go.mod golangci-lint run
	go tool -modfile=$(LINT)/actionlint/go.mod actionlint
	go run -C $(LINT)/launchers . $(CURDIR)/docs/guides/cluster.md
	GOOS=linux GOARCH=arm64 go vet ./cmd/ruleout
	GOOS=darwin GOARCH=arm64 go vet ./cmd/ruleout

generate: go ## write generated files anew: schema, reference, golden output
	go generate ./...

dist: build ## make archives, packages, bills of materials and checksums in bin/dist: PLATFORMS=…
	@GOBUILD="$(GOBUILD)" PLATFORMS="$(PLATFORMS)" .ci/dist

dist-check: ## install what make dist made in a fresh root without Go, and run a scenario there; needs debootstrap
	@.ci/fresh-root

clean: ## remove what was built, and the records of runs
	rm -rf bin results/runs

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

go:
	@command -v go >/dev/null || { echo 'make: Go is missing; get 1.26 or newer: https://go.dev/doc/install' >&2; exit 3; }
