"""The logger `jsonl`: the metrics of a run in one file of JSON lines."""
