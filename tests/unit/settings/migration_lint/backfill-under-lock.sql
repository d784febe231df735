-- expect: line 3: UPDATE orders: the script still holds ACCESS EXCLUSIVE on orders: nobody reads or writes it until all rows are done; write it into a later script of its own
ALTER TABLE orders ADD COLUMN colour text;
UPDATE orders SET colour = 'red' WHERE colour IS NULL;
