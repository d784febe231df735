"""GitHub's place: a repository whose pushed tags run the workflow files in a runner pod of the local cluster."""
