"""AutoGluon's multimodal predictor, which trains itself."""
