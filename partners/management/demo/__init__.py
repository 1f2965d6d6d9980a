"""The small world of `up --demo`: invented partners on loopback, with real DNS, STARTTLS and certificates."""
