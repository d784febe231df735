-- expect: line 2: placeholder colour: Flyway has no value for it and fails; known are app_role; use a known one, or write the dollar sign and the brace apart
SELECT '${colour}', '${app_role}', '${flyway:timestamp}';
