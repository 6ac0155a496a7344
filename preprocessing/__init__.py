"""From raw dumps to validated Parquet shards: torch-free, and ignorant of any model."""
