"""Hostile input: whatever is sent, the answer is the right error or an end, and nothing changed."""
