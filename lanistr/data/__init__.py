"""From shards to batches: manifest, cache, samples, tokenizer and processor."""
