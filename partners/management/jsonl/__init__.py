"""predict --jsonl: one JSON object a line in, one a line out, as they finish; neither database nor broker."""
