"""The estimator: pure functions over immutable values. No I/O, no Textual, no globals."""
