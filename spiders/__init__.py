"""How to fetch one source: a declaration in, pages and an outcome out. Knows no database, index or scheduler."""
