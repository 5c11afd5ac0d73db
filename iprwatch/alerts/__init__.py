"""Alerts and digests: watches, the outbox, what is delivered through which channel."""
