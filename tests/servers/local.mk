# SPDX-License-Identifier: ISC
EXTRA_DIST += tests/servers/demo.py
