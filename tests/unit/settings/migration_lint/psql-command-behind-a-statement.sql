-- expect: line 2: a command of psql: Flyway sends it to PostgreSQL, which does not know it; write SQL only
SELECT 1 AS one \gset
