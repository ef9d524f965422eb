"""A stand-in for Modal on this machine: the real `modal` client and its real container entrypoint run against it.

Knows Modal's protobuf (`modal_proto`) and nothing of whoever uses it. Each file models one subject of the service,
and its docstring says what is modelled, and what is not.

It is a process of its own, so that it outlives killed clients. Tests use the fixture `standin`, a `running.Standin`:

- `standin.variables` in the environment of a client make it use the stand-in.
- `standin.requests("FunctionCreate", ...)` are the requests so far, each with its caller and its message of protobuf;
  uploads and downloads over HTTP are `PUT /blobs`, `PUT /blocks`, `GET /blobs`, `GET /files`, with their size.
- `standin.sent()` counts the bytes that clients have sent; `standin.holding(value)` says where a value is found.
- `standin.containers(function)`, `standin.output(call)`, `standin.kill(container, preempted=...)`, `standin.offline()`,
  `standin.refusing_token()`, `standin.delay`, `standin.fail`, `standin.put_secret`, `standin.delete_secret`.
- `standin.volume(name)` is the folder of what is committed to a volume; containers commit in the background each
  second, but for `standin.without_background_commits()`.
- `standin.images()` are the commands of images and their output.
- The URLs of web functions are the clients' own (`get_web_url()`), on this machine, also while clients are offline.

What a container finds: this machine's files and this environment's packages, but not the distributions that are
installed editable, nor their sources, nor temporary files. So the project under test is there only if it was sent.
Whatever a container writes outside of volumes is forgotten with it.
"""
