"""The stand-in for the official `kubernetes-cert-manager` plugin: one component that installs cert-manager's chart."""

VERSION = "0.2.0"
