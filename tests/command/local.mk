# SPDX-License-Identifier: ISC
# proxyproto(1).
EXTRA_DIST += tests/command/completion.py tests/command/decode.py \
	tests/command/header.py \
	tests/command/program.py tests/command/run.py \
	tests/fixture/command.py
if COMMAND
TESTS += tests/command/completion.py tests/command/decode.py \
	tests/command/header.py \
	tests/command/program.py tests/command/run.py
endif
# Whether it is served.
EXTRA_DIST += tests/command/check.py
if COMMAND
TESTS += tests/command/check.py
endif
# Who is behind connections.
EXTRA_DIST += tests/command/show.py
if COMMAND
if GETPEERNAME_CACHE
TESTS += tests/command/show.py
endif
endif
