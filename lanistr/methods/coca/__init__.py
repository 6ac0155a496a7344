"""CoCa: open_clip's model of texts and images."""
