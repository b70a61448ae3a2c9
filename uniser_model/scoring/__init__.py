"""`uniser eval`: what is read (`protocols`), how it is scored (`metrics`), against whom (`baselines`), as a table."""
