-- The store: one SQLite file. A run is a list of items, each a request with the key of the response
-- it needs; responses and verdicts are kept by what determines them, so runs share what they can.
-- Stores of version 1 got tables without a new number, so a table that is missing is made here.

CREATE TABLE IF NOT EXISTS runs (
    number   INTEGER PRIMARY KEY,
    id       TEXT NOT NULL UNIQUE,
    created  TEXT NOT NULL,              -- UTC, ISO 8601
    settings TEXT NOT NULL,              -- JSON: version, benchmark, target
    panel    TEXT NOT NULL DEFAULT '[]', -- JSON: keys of the judges last evaluated with
    audit    TEXT                        -- key of the judge that audits a sample, if one does
);

CREATE TABLE IF NOT EXISTS requests (
    key       BLOB PRIMARY KEY,          -- hash of all the fields below
    id        TEXT NOT NULL,
    text      TEXT NOT NULL,
    intent    TEXT NOT NULL,
    principle INTEGER,
    source    TEXT,
    reference TEXT,
    pair      TEXT
);

CREATE TABLE IF NOT EXISTS items (
    run      INTEGER NOT NULL REFERENCES runs,
    position INTEGER NOT NULL,           -- place in the benchmark, from 0
    request  BLOB NOT NULL REFERENCES requests,
    response BLOB NOT NULL,              -- key of the response, whether or not there is one yet
    PRIMARY KEY (run, position)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS responses (
    key           BLOB PRIMARY KEY,      -- hash of target, revision, sampling, conversation
    text          TEXT NOT NULL,
    finish_reason TEXT,
    input_tokens  INTEGER,
    output_tokens INTEGER,
    latency       REAL,                  -- seconds
    error         TEXT,
    created       REAL NOT NULL          -- seconds since 1970
);

CREATE TABLE IF NOT EXISTS judges (
    number   INTEGER PRIMARY KEY,
    key      TEXT NOT NULL UNIQUE,       -- hash of judge, rubric, taxonomy, sampling
    name     TEXT NOT NULL,
    settings TEXT NOT NULL               -- JSON: what the key is the hash of
);

CREATE TABLE IF NOT EXISTS verdicts (
    judge         INTEGER NOT NULL REFERENCES judges,
    response      BLOB NOT NULL REFERENCES responses,
    intent        TEXT NOT NULL,         -- decides which rubric was used
    score         INTEGER CHECK (score BETWEEN 1 AND 5),
    reason        TEXT,
    rationale     TEXT NOT NULL,
    error         INTEGER NOT NULL,
    input_tokens  INTEGER,
    output_tokens INTEGER,
    calls         INTEGER NOT NULL,
    latency       REAL,
    created       REAL NOT NULL,
    PRIMARY KEY (judge, response, intent),
    CHECK ((score IS NULL) <> (reason IS NULL))
);

-- Capability: how a model answers questions of knowledge, apart from the runs.

CREATE TABLE IF NOT EXISTS capability_targets (
    key      TEXT PRIMARY KEY,           -- hash of the settings
    name     TEXT NOT NULL,
    settings TEXT NOT NULL               -- JSON: weights, template, dtype, or model and address
);

CREATE TABLE IF NOT EXISTS capability_tasks (
    key       TEXT PRIMARY KEY,          -- hash of how it is asked, its questions and examples
    name      TEXT NOT NULL,
    version   TEXT NOT NULL,
    questions BLOB NOT NULL              -- 8 bytes each: beginning of the question's hash
);

CREATE TABLE IF NOT EXISTS capability_results (
    target   TEXT NOT NULL REFERENCES capability_targets,
    task     TEXT NOT NULL REFERENCES capability_tasks,
    shots    INTEGER NOT NULL,           -- examples before each question
    seed     INTEGER NOT NULL,           -- which examples
    n        INTEGER NOT NULL,
    accuracy REAL NOT NULL,              -- share of the n that is right, 0 to 1
    stderr   REAL,                       -- of accuracy; NULL below two questions
    correct  BLOB NOT NULL,              -- one bit a question, in the task's order
    harness  TEXT NOT NULL,              -- version of lm-eval
    created  TEXT NOT NULL,              -- UTC, ISO 8601
    PRIMARY KEY (target, task, shots, seed)
);
