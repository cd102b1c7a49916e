"""Data sets, from files to tables, texts and token ids. Imports the floor."""
