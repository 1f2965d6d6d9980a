"""Messages about alerts: their words, by mail and by webhook. Nothing here is written to the database."""
