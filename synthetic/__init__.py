"""Synthetic raw dumps of MIMIC-IV, MIMIC-IV-Note and MIMIC-CXR-JPG, in their exact layouts.

The generative model is stated in `model` (severity, outcome), `vitals` and `labs` (time series),
`phantom` (radiographs), `wording` (notes) and `imaging` (who lacks what); the dirt in `dirt`.
"""
