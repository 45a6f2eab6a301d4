"""What stored runs show: measures, scorecards, comparisons, gates."""
