// The modules that hold the charts of the cluster's add-ons; no program is built from this one.
module highstreet.ly/toolchain/charts

go 1.25.0

require (
	github.com/actions/actions-runner-controller v0.27.6
	github.com/cert-manager/cert-manager v1.21.2
	github.com/traefik/traefik-helm-chart v41.6.0+incompatible
	go.universe.tf/metallb v0.16.1
)
