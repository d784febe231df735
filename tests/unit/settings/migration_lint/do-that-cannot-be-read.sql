-- expect: line 5: DO ... EXECUTE: the statement is put together while it runs, so nobody can read it here; write a comment before it that says why it is safe: -- lint: <reason>
-- expect: line 8: DO LANGUAGE plperl: the lint reads SQL and PL/pgSQL only; write a comment before it that says why it is safe: -- lint: <reason>
DO $$
BEGIN
    EXECUTE 'DROP TABLE ' || 'orders';
END
$$;
DO LANGUAGE plperl 'print 1';
