"""Pulumi provider plugins that stand in, under the same name and version, for official ones that cannot be downloaded.

They speak to the real back ends (PostgreSQL, the RabbitMQ management API) and keep to the official SDKs' types, property
names, secrets and IDs, so the program never knows which it got. A plugin is copied into the cache and runs from there:
apart from ``install`` nothing in this package imports anything else of the platform.
"""
