"""SYN-HAZE: depth and physical scattering and procedural noise fields to haze, fog and smoke."""
