"""Amazon Reviews 2018: from a category's dumps to shards of text, columns and pictures."""
