"""Training runs that differ in a few options, each with several seeds, compared."""
