"""The plumbing of the course, and the parts that a notebook has built.

The floor is `runtime`, `backends`, `training`, `metrics` and `results`. On it stand the rooms
`data`, `baselines`, `models`, `decoding` and `teaching`. Importing a module has no side effect.
"""
