"""Hostile headers, carriers, URLs and tracestates by the million, and what must hold after each of them."""
