-- expect: line 3: a command of psql: Flyway sends it to PostgreSQL, which does not know it; write SQL only
SELECT 1;
\set colour red
