-- What a reasoning model wrote before its answer stands beside it, and so does what was said instead
-- of an answer that was filtered.

ALTER TABLE responses ADD COLUMN thinking TEXT;
ALTER TABLE responses ADD COLUMN thinking_tokens INTEGER; -- of the output_tokens
ALTER TABLE responses ADD COLUMN notice TEXT;

ALTER TABLE verdicts ADD COLUMN thinking TEXT;
