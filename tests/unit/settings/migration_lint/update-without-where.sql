-- expect: line 2: UPDATE orders: without a condition it changes or loses every row, and locks each until the script has ended; give it a WHERE that leaves out the rows that are right already, or make it a contract step by its name
UPDATE orders SET total = 0;
UPDATE orders SET total = 0 WHERE total IS NULL;
