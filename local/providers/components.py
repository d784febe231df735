"""The packages whose plugin makes components out of other packages' resources; each has a VERSION and a `provider.serve`."""

COMPONENTS = {"kubernetes-cert-manager": "local.providers.kubernetes_cert_manager"}
