"""Scene recipes, and whatever .blend, .glb or .usd a user drops in."""
