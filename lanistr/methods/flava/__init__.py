"""FLAVA: transformers' model of texts and images."""
