-- expect: line 2: syntax error: PostgreSQL says: syntax error at end of input; correct it
SELECT (1
