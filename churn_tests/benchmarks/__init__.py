"""What things cost: rows a second and peak memory."""
