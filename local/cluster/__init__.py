"""The local cluster: kind, with the Kubernetes version and the network (Calico) of production."""
