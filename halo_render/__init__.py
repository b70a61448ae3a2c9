"""HALO: Blender scenes to linear HDR frames with lights, lens optics to flare pairs."""
