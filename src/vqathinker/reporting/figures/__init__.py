"""Figures of a scale: each as PNG and SVG, with the numbers that it shows as CSV."""
