"""Simple models of scikit-learn on summaries of series and on the columns of a table."""
