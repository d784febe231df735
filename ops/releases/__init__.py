"""Releases: one verified unit each, kept as a record; deployed from a commit, returned to by one command."""
