"""What the operator decides: the TOML file, the command line, and the first start's defaults."""
