shiftr.io's HTTP interface: topics with their latest and retained messages, wildcards, tokens that may
read or write, the Desktop edition's listener. Topics and RoboMQ's `amq.topic` are bridged, both ways.
`mqgate topics` lists what is there.
