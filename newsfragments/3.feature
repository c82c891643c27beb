The operator's command `mqgate`: `queues`, `show`, `peek`, `purge`, `delete`, `export`, `import` and
`verify`, safe beside a running server. Benchmarks (`tox -e bench`), with their results in
`docs/performance.md`.
