"""The nouns of the platform as Pulumi components, one a file. They receive values; none reads configuration."""
