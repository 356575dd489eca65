#!/bin/sh
# A Python without the packages: it says what Python says, and ends.
cat >&2 <<'END'
Traceback (most recent call last):
  File "agent.py", line 34, in <module>
    import langsmith
ModuleNotFoundError: No module named 'langsmith'
END
exit 1
