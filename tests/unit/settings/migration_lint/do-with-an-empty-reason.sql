-- expect: line 2: -- lint: the reason is missing; say why this statement is safe: -- lint: <reason>
-- lint:
DO $$
BEGIN
    EXECUTE 'SELECT 1';
END
$$;
