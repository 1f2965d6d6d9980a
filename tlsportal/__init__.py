"""The wiring of the portal: settings, queues, logging and what runs beside what; no behaviour."""
