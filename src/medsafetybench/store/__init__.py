"""What is kept: runs, responses, verdicts, labels and capability, in one SQLite file."""
