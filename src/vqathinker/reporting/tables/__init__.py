"""Tables of results, each from predictions, metrics and parameters alone; no model is loaded."""
