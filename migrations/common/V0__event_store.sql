-- What every context's database begins with: its events, their outbox, and what its receiver has built from other contexts' events.
CREATE TABLE events (
    id          uuid        PRIMARY KEY,
    sequence    bigint      GENERATED ALWAYS AS IDENTITY UNIQUE,
    type        text        NOT NULL,
    data        jsonb       NOT NULL,
    occurred_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE outbox (
    event_id     uuid        PRIMARY KEY REFERENCES events (id),
    published_at timestamptz
);
CREATE INDEX outbox_unpublished ON outbox (event_id) WHERE published_at IS NULL;

CREATE TABLE inbox (
    event_id    uuid        PRIMARY KEY,
    received_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE read_model (
    id          uuid        PRIMARY KEY,
    source      text        NOT NULL,
    type        text        NOT NULL,
    data        jsonb       NOT NULL,
    occurred_at timestamptz NOT NULL
);
