"""The command line of dicesim."""
