"""Gates against leakage: each looks for one way in which the answer gets into the input.

A gate counts what it finds and measures how well the giveaway alone predicts. The run stops at a
leak that the configuration does not acknowledge by name; `python -m preprocessing gates` lists all.
"""
