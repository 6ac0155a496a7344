"""MIMIC-IV, MIMIC-IV-Note and MIMIC-CXR-JPG: one module per table of the shards."""
