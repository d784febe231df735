-- expect: line 3: BEGIN, COMMIT, ROLLBACK: Flyway runs the script in a transaction of its own, which this would end or split; leave it out; what must not be in one transaction belongs into scripts of its own
-- expect: line 5: BEGIN, COMMIT, ROLLBACK: Flyway runs the script in a transaction of its own, which this would end or split; leave it out; what must not be in one transaction belongs into scripts of its own
BEGIN;
SELECT 1;
COMMIT;
