"""TLS: certificates, the context that serves them, and the listeners it is put on."""
