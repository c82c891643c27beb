RoboMQ's REST interface, AMQP over HTTPS: exchanges (topic, direct, fanout) and bindings that behave
like a RabbitMQ's, made on the way as the hosted service did, or declared in the configuration.
`mqgate exchanges`, `mqgate bindings` and `mqgate unbind` look after them. Users and token headers with
rights for each vhost, all properties, CORS; on listeners without TLS only where they name it. `GET
/ca.crt` shows what clients are to trust.
