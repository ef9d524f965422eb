"""A stand-in for Modal on this machine: the real `modal` client and its real container entrypoint run against it.

Knows Modal's protobuf (`modal_proto`) and nothing of whoever uses it. Each file models one subject of the service, and
its docstring says what is modelled, and what is not.

Started as a process of its own by `running.start`, so that it outlives killed clients; driven by `running.Standin`.
"""
