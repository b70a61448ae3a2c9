"""The scene recipes, one small file each; the function's name is the scene's id."""
