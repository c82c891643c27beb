"""The operator's command, ``mqgate``, which works beside a running server: docs/command.md.

`command` runs it, `arguments` has its words. What is asked is read from a `snapshot`, a read-only
connection; what is changed is changed by a `worker`, an engine of the command's own.
"""
