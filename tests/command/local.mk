# SPDX-License-Identifier: ISC
# proxyproto(1).
EXTRA_DIST += tests/command/program.py tests/command/run.py \
	tests/fixture/command.py
if COMMAND
TESTS += tests/command/program.py tests/command/run.py
endif
