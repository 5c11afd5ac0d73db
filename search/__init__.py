"""How to index, find and count over time. Knows no crawler, scheduler or ledger."""
