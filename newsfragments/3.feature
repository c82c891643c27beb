The operator's command `mqgate`: `queues`, `show`, `peek`, `purge`, `delete`, `export`, `import` and
`verify`, safe beside a running server. Metrics for Prometheus on a listener of their own, and an
access log, both off unless asked for. The server describes itself at `/openapi.json`. Under systemd
it tells when it is ready and that it lives; `contrib/systemd/` has its units, `docs/operations.md`
how to run it. Benchmarks (`tox -e bench`), with their results in `docs/performance.md`.
Limits for the worlds of a namespace (queues, messages, bytes), and for the length and the age of
queues by their names.
All limits of the HTTP room are settings, and `/healthz` answers also while everything else is refused.
