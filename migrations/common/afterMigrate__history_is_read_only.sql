-- Flyway's own table belongs to the owner alone; the app role's default rights would let a service rewrite it.
REVOKE INSERT, UPDATE, DELETE ON flyway_schema_history FROM "${app_role}";
