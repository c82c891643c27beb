The gateway runs: IronMQ API version 1 with everything about pull queues, durable in one SQLite file,
over TLS with certificates made at the first start, from one command.
