"""The model: encoders, objectives and fusion, over tensors only."""
