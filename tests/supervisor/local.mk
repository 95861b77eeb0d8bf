# SPDX-License-Identifier: ISC

# Servers that cannot be preloaded.
EXTRA_DIST += tests/supervisor/processes.py tests/supervisor/serve.py
if COMMAND
if GETPEERNAME_CACHE
TESTS += tests/supervisor/processes.py tests/supervisor/serve.py
endif
endif
