"""Many jobs: manifest, ledger, workers."""
