"""The postgresql package: roles, databases, schemas, extensions and grants, by an admin role that need not be a superuser."""
