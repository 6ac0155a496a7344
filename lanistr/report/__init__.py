"""Pages and figures for readers, from the files of a run: no network, no scripts, no torch.

`page` makes pages of sections, `figures` inline SVG in one style. Every other module renders one
kind of file and offers `sections(...) -> list[Section]`, so that its part can stand in a page of
its own and, one level deeper, in the report.
"""
