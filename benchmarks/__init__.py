"""Measurements beside what a user would write or pick instead; see the README."""
