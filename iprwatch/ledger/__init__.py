"""The ledger, the system of record: sources, articles, revisions, stories, vectors, tags, queue, dead letters."""
