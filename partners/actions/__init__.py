"""The only writers: one transaction each; what a person asked for takes `by` and leaves one AuditEntry."""
