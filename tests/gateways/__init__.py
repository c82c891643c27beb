"""Several gateways on one database, and what keeps them busy; the tests are in live and long."""
