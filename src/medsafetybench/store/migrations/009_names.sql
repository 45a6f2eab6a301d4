-- What people call a run, and which was evaluated last: a run that is resumed is the last one again.

ALTER TABLE runs ADD COLUMN evaluated INTEGER NOT NULL DEFAULT 0; -- the highest is the last
ALTER TABLE runs ADD COLUMN called TEXT;                     -- its target as it was typed
ALTER TABLE runs ADD COLUMN name TEXT;                       -- what it was told to be called
ALTER TABLE runs ADD COLUMN tags TEXT NOT NULL DEFAULT '[]'; -- JSON: words to find it by

UPDATE runs SET evaluated = number;
