# SPDX-License-Identifier: ISC

# Servers that cannot be preloaded.
EXTRA_DIST += tests/supervisor/serve.py
if COMMAND
if GETPEERNAME_CACHE
TESTS += tests/supervisor/serve.py
endif
endif
