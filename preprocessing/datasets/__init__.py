"""One package per data set: raw files to shards, gates and counts of its own."""
