-- expect: line 11: SET lock_timeout: every migration waits for a lock at most as long as its Job says, so that the services' queries behind it do not wait for ever; leave it out
-- expect: line 12: SET LOCAL lock_timeout: every migration waits for a lock at most as long as its Job says, so that the services' queries behind it do not wait for ever; leave it out
-- expect: line 13: RESET lock_timeout: every migration waits for a lock at most as long as its Job says, so that the services' queries behind it do not wait for ever; leave it out
-- expect: line 14: RESET ALL: every migration waits for a lock at most as long as its Job says, so that the services' queries behind it do not wait for ever; leave it out
-- expect: line 16: SET statement_timeout: every migration waits for a lock at most as long as its Job says, so that the services' queries behind it do not wait for ever; leave it out
-- expect: line 17: SET statement_timeout: every migration waits for a lock at most as long as its Job says, so that the services' queries behind it do not wait for ever; leave it out
-- expect: line 18: set_config('lock_timeout'): every migration waits for a lock at most as long as its Job says, so that the services' queries behind it do not wait for ever; leave it out
-- expect: line 19: set_config(): which setting it sets is known only when it runs; write a comment before it that says why it is safe: -- lint: <reason>
-- expect: line 20: UPDATE pg_settings: every migration waits for a lock at most as long as its Job says, so that the services' queries behind it do not wait for ever; leave it out
-- expect: line 21: SET lock_timeout: every migration waits for a lock at most as long as its Job says, so that the services' queries behind it do not wait for ever; leave it out
SET lock_timeout = '1s';
SET LOCAL lock_timeout = 0;
RESET lock_timeout;
RESET ALL;
SET statement_timeout = '5s';
SET statement_timeout = '0s';
SET statement_timeout TO DEFAULT;
SELECT pg_catalog.set_config('lock_timeout', '0', false);
SELECT set_config(name, '0', false) FROM somewhere;
UPDATE pg_settings SET setting = '0' WHERE name = 'lock_timeout';
CREATE FUNCTION patient() RETURNS int LANGUAGE sql SET lock_timeout = 0 AS 'SELECT 1';
