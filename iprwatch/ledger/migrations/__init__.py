"""The ledger's migrations, run by `iprwatch migrate`."""
