"""Guarded HTTPS and mailboxes: whatever an address says, nothing inside the house is reached by it. No Django."""
