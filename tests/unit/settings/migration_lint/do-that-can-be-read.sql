-- expect: line 10: DROP TABLE orders: the release that runs still uses it; write it into V<version>__contract_<words>.sql, for after the last release that uses it
-- expect: line 13: set_config('lock_timeout'): every migration waits for a lock at most as long as its Job says, so that the services' queries behind it do not wait for ever; leave it out
-- expect: line 14: set_config('statement_timeout'): every migration waits for a lock at most as long as its Job says, so that the services' queries behind it do not wait for ever; leave it out
-- é
DO $$
DECLARE
    answer text;
BEGIN
    IF EXISTS (SELECT FROM orders) THEN
        DROP TABLE orders;
    END IF;
    UPDATE orders SET total = 0 WHERE total IS NULL;
    PERFORM set_config('lock_timeout', '0', false);
    answer := set_config('statement_timeout', '0', false);
END
$$;
