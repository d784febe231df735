-- expect: line 4: -- lint: there is nothing here that a reason excuses; remove the comment; a step that takes something away is named contract instead
-- expect: line 5: DROP TABLE orders: the release that runs still uses it; write it into V<version>__contract_<words>.sql, for after the last release that uses it
-- expect: line 7: -- lint: no statement follows; write it before the statement that it is about
-- lint: nobody uses it
DROP TABLE orders;
SELECT 1;
-- lint: at the end
