"""What teaches: plots, cards, checkers. Imports everything; nothing imports it."""
