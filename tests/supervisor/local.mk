# SPDX-License-Identifier: ISC

# Servers that cannot be preloaded.
EXTRA_DIST += tests/fixture/forbidding.py \
	tests/supervisor/sandboxes.py \
	tests/supervisor/connect.py tests/supervisor/preload.py \
	tests/supervisor/processes.py tests/supervisor/secure.py \
	tests/supervisor/serve.py tests/supervisor/socketcall.c
if COMMAND
if GETPEERNAME_CACHE
TESTS += tests/supervisor/connect.py tests/supervisor/preload.py \
	tests/supervisor/sandboxes.py \
	tests/supervisor/processes.py tests/supervisor/secure.py \
	tests/supervisor/serve.py
endif
endif
