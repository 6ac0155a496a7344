"""From predictions to tables: metrics, intervals, comparisons and their forms."""
