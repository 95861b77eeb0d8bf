# SPDX-License-Identifier: ISC
# Programs that use <proxyproto.h>: linked, behind HAProxy, in other languages.
EXTRA_DIST += tests/api/show_header.c
EXTRA_DIST += tests/api/health.py tests/api/languages.py \
	tests/api/manual.py tests/api/tls.py
EXTRA_DIST += tests/fixture/linking.py
TESTS += tests/api/languages.py
if GETPEERNAME_CACHE
TESTS += tests/api/health.py tests/api/manual.py tests/api/tls.py
endif
