"""The page in the browser: read-only, loopback only."""
