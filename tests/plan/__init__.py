"""The house measures itself."""
