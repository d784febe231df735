"""The local estate: what stands in for the datacenter on a laptop. Nothing in the product imports it."""
