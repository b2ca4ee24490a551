"""The tests of dicesim."""
