"""Own data: rows of a csv or Parquet file and one description, turned into shards."""
