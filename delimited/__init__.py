"""Delimited text that people have, read alike by both sides."""
