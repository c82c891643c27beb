IronMQ push queues: multicast and unicast, to receivers over HTTP and HTTPS and to queues here and
elsewhere, with retries, later acknowledgement, push status and error queues. What is to be pushed is
in the database: a restart or a kill loses none of it.
