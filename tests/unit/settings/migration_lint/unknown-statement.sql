-- expect: line 3: ALTER ROLE: the lint does not know what it does to the release that runs, or to its locks; write a comment before it that says why it is safe: -- lint: <reason>
-- expect: line 4: ALTER TABLE orders (AddOf): the lint does not know what it does to the release that runs, or to its locks; write a comment before it that says why it is safe: -- lint: <reason>
ALTER ROLE somebody CREATEDB;
ALTER TABLE orders OF purchase;
