"""Pictures of the platform, drawn from its configuration and, where asked for, from what runs."""
