"""Documents from the rows of reports."""
