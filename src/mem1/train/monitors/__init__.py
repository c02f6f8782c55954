"""Where a run's numbers can be followed beside ``metrics.jsonl``: one file for each service."""
