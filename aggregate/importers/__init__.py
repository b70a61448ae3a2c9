"""Published sets into pair shards: one small file a set, found by the entry point group `uniser.importers`."""
