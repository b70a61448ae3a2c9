"""One small file a published set: its matching rule as data, its numbers, its terms."""
