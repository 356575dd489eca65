#!/bin/sh
# An agent that says that it is there, at an address where nobody listens, until its input closes.
echo '{"url": "http://127.0.0.1:9", "sdk": "langsmith 0, langgraph 0"}'
exec cat >/dev/null
