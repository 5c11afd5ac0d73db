"""Kibana's objects and links, generated: builders are pure, `api` alone speaks HTTP. Knows no ledger and no encoder."""
