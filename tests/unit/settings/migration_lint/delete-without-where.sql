-- expect: line 4: DELETE FROM orders: without a condition it changes or loses every row, and locks each until the script has ended; give it a WHERE that leaves out the rows that are right already, or make it a contract step by its name
-- expect: line 5: DELETE FROM orders: without a condition it changes or loses every row, and locks each until the script has ended; give it a WHERE that leaves out the rows that are right already, or make it a contract step by its name
-- expect: line 7: DELETE FROM orders: without a condition it changes or loses every row, and locks each until the script has ended; give it a WHERE that leaves out the rows that are right already, or make it a contract step by its name
DELETE FROM orders;
DELETE FROM orders WHERE true;
DELETE FROM orders WHERE id = 1;
WITH gone AS (
    DELETE FROM orders RETURNING id
)
SELECT count(*) FROM gone;
