"""The report of a scale as one HTML page: what it shows, and the scripts that make it answer."""
