"""Which modalities samples and their units have, and whatever units a data set declares."""
