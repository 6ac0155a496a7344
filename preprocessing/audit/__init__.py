"""What the shards say about the data itself: which modalities are missing, and what leaks."""
