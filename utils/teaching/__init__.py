"""What teaches: plots, diagrams, cards, checkers. Imports everything; nothing imports it."""
