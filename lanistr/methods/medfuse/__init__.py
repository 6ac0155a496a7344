"""MedFuse: an LSTM over the modalities that a stay has."""
