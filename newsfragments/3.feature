The operator's command `mqgate`: `queues`, `show`, `peek`, `purge`, `delete`, `export`, `import` and
`verify`, safe beside a running server.
