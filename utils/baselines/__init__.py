"""The cheap methods that a model has to beat. Imports the floor and data."""
