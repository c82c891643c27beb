"""What a server tells about itself: figures for Prometheus, and the access log."""
