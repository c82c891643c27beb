"""Several processes as one server: a parent that holds the sockets, and workers that serve them."""
