"""Tables, targets and statistics: what networks are trained on."""
