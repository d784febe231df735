# The two commands: `make up` and `make down`. Everything else is for working on the platform itself.
.DEFAULT_GOAL := help
.PHONY: help up down test unit check bench

help: ## Say what each target does
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

up: ## Bring the whole local estate up: cluster, data machines, environment
	@./hs up

down: ## Remove everything that `make up` made
	@./hs down --yes

test: ## Everything a change must pass
	@./hs test

unit: ## The fast half: lint, types and unit tests, no cluster
	@./hs test --unit

check: unit

bench: ## Measure start, update, memory and releases, and print a table
	@./hs bench
