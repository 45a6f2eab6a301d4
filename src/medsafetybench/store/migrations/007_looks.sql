-- A run that a gate stopped early, and the looks that several releases have together (see looks.py).

ALTER TABLE runs ADD COLUMN stopped TEXT; -- JSON: verdict and asked; NULL unless stopped early

CREATE TABLE series (
    name     TEXT PRIMARY KEY,
    looks    INTEGER NOT NULL,           -- how many it may have
    settings TEXT NOT NULL,              -- JSON: what every look holds a run to
    created  TEXT NOT NULL               -- UTC, ISO 8601
);

CREATE TABLE looks (
    series  TEXT NOT NULL REFERENCES series,
    number  INTEGER NOT NULL,            -- from 1
    run     TEXT NOT NULL,               -- its id
    judges  TEXT NOT NULL,               -- JSON: keys of the panel
    verdict TEXT NOT NULL,
    created TEXT NOT NULL,               -- UTC, ISO 8601
    PRIMARY KEY (series, number),
    UNIQUE (series, run, judges)
) WITHOUT ROWID;
