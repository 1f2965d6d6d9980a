"""From a clone to a running portal, and back to nothing, with real processes."""
