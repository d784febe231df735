-- The dashboard asks for the orders of a day.
CREATE INDEX events_by_day ON events (occurred_at) WHERE type = 'OrderPlaced';
