-- expect: line 2: DROP TRIGGER shop.orders.stamp: the release that runs still uses it; write it into V<version>__contract_<words>.sql, for after the last release that uses it
DROP TRIGGER stamp ON shop.orders;
