"""Use of a trained model on new rows."""
