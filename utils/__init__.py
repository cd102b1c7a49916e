"""The plumbing of the course, and the parts a notebook has already built.

Importing a module of this package has no side effect.
"""
