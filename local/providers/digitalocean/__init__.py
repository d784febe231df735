"""The stand-in for Pulumi's `digitalocean` plugin: domains and their DNS records by the API v2."""
