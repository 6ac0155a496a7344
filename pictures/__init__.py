"""The one door for picture files: what preprocessing stores and what a model is asked about.

`lanistr` and `preprocessing` both use it and it knows neither, so that a file gives equal pixels
in training and afterwards.
"""
