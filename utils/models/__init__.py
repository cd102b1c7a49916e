"""The models, one file for each architecture. Imports the floor and data."""
