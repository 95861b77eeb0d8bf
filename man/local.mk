# SPDX-License-Identifier: ISC
dist_man_MANS += man/libproxyproto.7 man/libproxyproto_connect.7
