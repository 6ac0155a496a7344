"""Which modalities patients, admissions, stays, studies, reviews and products have."""
