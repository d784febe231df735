"""The alerts of the platform's promises, a Pulumi project of its own: it needs New Relic's plugin, and an account."""
