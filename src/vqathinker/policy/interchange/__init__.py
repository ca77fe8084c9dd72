"""Import and export of policies: the Hugging Face hub, and the authors' layout."""
