-- expect: line 5: syntax error: PostgreSQL says: syntax error at or near "orders"; correct it
-- é, and a line that is right
SELECT 1;
SELECT 'é'
  FORM orders;
