"""Turns queries and their scored candidates into training lists.

Pure functions on polars frames, without a file in sight; `stages/curate.py` is the
command. `lists` makes the lists, `scores` puts teachers on one scale, `split` cuts
train from dev, `statistics` describes what came out.
"""
