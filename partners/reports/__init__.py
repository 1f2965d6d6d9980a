"""The reads behind the pages: frozen rows from a fixed number of queries."""
