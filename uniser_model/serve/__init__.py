"""`uniser serve`: one local page on which effects are put on photos and taken off them."""
