"""The DiT that removes or adds soft effects: codec, text, model, objective, trainer, inference."""
