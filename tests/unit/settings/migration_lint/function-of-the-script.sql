-- expect: line 3: SELECT fill(1): the script's own function runs, and the lint does not read the bodies of functions; write a comment before it that says why it is safe: -- lint: <reason>
CREATE FUNCTION fill(a int) RETURNS int LANGUAGE sql AS 'DELETE FROM orders RETURNING 1';
SELECT fill(1);
