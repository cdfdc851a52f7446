"""Figures, each one Vega-Lite specification."""
