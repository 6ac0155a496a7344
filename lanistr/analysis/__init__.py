"""What a trained model makes of each modality: exact Shapley values, and curves of removal."""
