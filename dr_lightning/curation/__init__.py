"""Turns queries and their scored candidates into training lists.

Pure functions on polars frames; only `files` reads and writes. `lists` makes the lists,
`scores` puts teachers on one scale, `split` cuts train from dev, `statistics` describes
what came out.
"""
