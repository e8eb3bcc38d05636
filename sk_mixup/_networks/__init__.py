"""Networks with a run axis: many side by side."""
