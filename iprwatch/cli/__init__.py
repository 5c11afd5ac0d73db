"""The command line: one file per family of commands, each imported only when it is called."""
