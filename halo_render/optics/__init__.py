"""Lens optics: from lights and a clean HDR picture to the light that a real lens adds."""
