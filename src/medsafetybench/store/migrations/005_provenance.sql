-- What made a run: when, by which command, with which packages, on what machine; one for each that
-- differs (see provenance.py).

ALTER TABLE runs ADD COLUMN provenance TEXT NOT NULL DEFAULT '[]'; -- JSON
