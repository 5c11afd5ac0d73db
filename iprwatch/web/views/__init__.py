"""One module per group of pages: request in, what it shows looked up, template out."""
