-- Who may ask a hub: derived from the events like the tables of packages and routes.
CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    seq BIGINT NOT NULL,
    person TEXT NOT NULL,
    role TEXT NOT NULL,
    packages TEXT,
    expires TEXT,
    hash TEXT NOT NULL,
    created TEXT NOT NULL,
    revoked TEXT
);

-- Who is told of events, and how far: a hub's own business, not part of the history.
CREATE TABLE webhooks (
    id TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    kinds TEXT,
    secret TEXT NOT NULL,
    private BIGINT NOT NULL,
    created TEXT NOT NULL,
    position BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    failed TEXT
);
