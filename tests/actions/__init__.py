"""What the actions write, and what they refuse."""
