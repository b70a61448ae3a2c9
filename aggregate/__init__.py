"""Aggregate: pair shards into one balanced corpus, indexed in Parquet."""
