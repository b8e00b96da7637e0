"""One file, one function, one command: parquet in, parquet out."""
