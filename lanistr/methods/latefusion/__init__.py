"""LateFusion: LANISTR's encoders and a perceptron over their concatenation."""
