"""LANISTR and its training: knows shards and tensors, never raw files."""
