"""HTTP doors: one view file per noun; every URL has a row in the access table."""
