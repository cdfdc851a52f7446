"""Everything that needs TensorFlow. Import it only inside a stage's body: it takes seconds to load."""
