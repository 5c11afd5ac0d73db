"""How to understand one item: extract, normalise, group, embed, tag. Knows no crawler, scheduler, database or index."""
