# SPDX-License-Identifier: ISC
dist_man_MANS += man/libproxyproto.7 man/libproxyproto_connect.7 \
	man/libproxyproto.conf.5
dist_doc_DATA = doc/compatibility.md doc/libproxyproto.conf.example
