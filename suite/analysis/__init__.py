"""Statistics of a sweep: pure functions on arrays and frames, without Keras and without figures."""
