"""What is shipped for each environment."""
