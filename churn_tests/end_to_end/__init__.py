"""The whole platform on a small operator."""
