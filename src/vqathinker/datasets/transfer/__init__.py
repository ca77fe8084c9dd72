"""Transfer: files come from their origins whole and right, archives open safely."""
