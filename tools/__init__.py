"""Programs that maintain the course: `python -m tools.NAME` from the repository root."""
