"""The one door for files that people have: pictures and delimited text.

`lanistr` and `preprocessing` both use it and it knows neither, so that a file gives the same in
training and afterwards.
"""
