"""Keys and limits."""
