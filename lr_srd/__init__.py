"""LR-SRD: object paste and cast shadows."""
