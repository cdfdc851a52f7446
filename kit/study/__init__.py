"""What is studied: architectures, cells, presets, data sets and the published numbers. Imports nothing heavy."""
