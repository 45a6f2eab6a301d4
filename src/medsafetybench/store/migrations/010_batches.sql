-- Batches: calls of a run that others carry out, and what came back for them (see batches/). A call is
-- here from the moment it is known to be missing until its answer or verdict is stored.

CREATE TABLE batches (
    number    INTEGER PRIMARY KEY,
    run       INTEGER NOT NULL REFERENCES runs,
    executor  TEXT NOT NULL,             -- as typed: openai, anthropic, file
    model     TEXT NOT NULL,             -- who is asked, by the name its server knows
    url       TEXT NOT NULL,             -- of its server
    path      TEXT NOT NULL,             -- below the url: chat/completions
    sha256    TEXT NOT NULL,             -- of its lines
    lines     INTEGER NOT NULL,
    state     TEXT NOT NULL,             -- prepared, submitted, collected, failed
    attempted INTEGER NOT NULL DEFAULT 0, -- 1: submitting it has begun, so it may be there already
    reference TEXT,                      -- the executor's id for it
    said      TEXT,                      -- the executor's last word on it
    answered  INTEGER NOT NULL DEFAULT 0, -- lines that came back with an answer
    created   TEXT NOT NULL,             -- UTC, ISO 8601
    changed   TEXT NOT NULL              -- UTC, ISO 8601
);

CREATE TABLE batch_calls (
    number   INTEGER PRIMARY KEY,        -- the order of the lines
    key      BLOB NOT NULL UNIQUE,       -- stands for model and body, by the secret
    run      INTEGER NOT NULL REFERENCES runs,
    identity TEXT NOT NULL,              -- stands for the model
    model    TEXT NOT NULL,
    url      TEXT NOT NULL,
    path     TEXT NOT NULL,
    body     BLOB,                       -- JSON; NULL once its batch is submitted
    batch    INTEGER REFERENCES batches, -- NULL: in none now
    tries    INTEGER NOT NULL DEFAULT 0, -- batches it was in
    status   INTEGER,                    -- of HTTP; NULL: nothing has come back
    failed   INTEGER NOT NULL DEFAULT 0, -- 1: what came back is a fault that may pass
    reply    BLOB                        -- the body that came back
);

CREATE INDEX batch_calls_by_batch ON batch_calls (batch);

CREATE TABLE batch_secret (
    secret BLOB NOT NULL                 -- 32 bytes, one row: keys and markers are made with it
);
