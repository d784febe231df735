"""Backups and restores: what is taken, the proof that it can be restored, and an environment's databases as they were."""
