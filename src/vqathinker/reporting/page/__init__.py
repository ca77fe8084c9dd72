"""The report of a scale as one HTML page, with its styles and scripts."""
