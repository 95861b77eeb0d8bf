# SPDX-License-Identifier: ISC
dist_man_MANS += man/libproxyproto_connect.7
EXTRA_DIST += man/proxyproto.1
if COMMAND
dist_man_MANS += man/proxyproto.1
endif
dist_man_MANS += man/libproxyproto_udp.7
# These name the settings file, whose folder make knows, not configure.
settings_pages = man/libproxyproto.7 man/libproxyproto.conf.5
man_MANS = $(settings_pages)
EXTRA_DIST += man/libproxyproto.7.in man/libproxyproto.conf.5.in
CLEANFILES += $(settings_pages)
make_page = $(AM_V_GEN)$(MKDIR_P) man && \
	folder=`echo '$(sysconfdir)' | sed 's/[\\&|]/\\&/g; s/-/\\\\-/g'` && \
	sed "s|@sysconfdir[@]|$$folder|g"
man/libproxyproto.7: $(srcdir)/man/libproxyproto.7.in Makefile
	$(make_page) $(srcdir)/man/libproxyproto.7.in >$@-t && mv $@-t $@
man/libproxyproto.conf.5: $(srcdir)/man/libproxyproto.conf.5.in Makefile
	$(make_page) $(srcdir)/man/libproxyproto.conf.5.in >$@-t && mv $@-t $@
dist_doc_DATA = doc/benchmark.md doc/benchmark-rate.png \
	doc/benchmark-scaling.png doc/benchmark-throughput.png \
	doc/compatibility.md doc/deployment.md
examplesdir = $(docdir)/examples
dist_examples_DATA = doc/libproxyproto.conf.example \
	examples/Makefile examples/common_name.c examples/health_check.c
dist_man_MANS += man/proxyproto.3 \
	man/proxyproto_add_crc32c.3 \
	man/proxyproto_add_ssl.3 \
	man/proxyproto_add_ssl_tlv.3 \
	man/proxyproto_add_tlv.3 \
	man/proxyproto_find_tlv.3 \
	man/proxyproto_format.3 \
	man/proxyproto_get_header.3 \
	man/proxyproto_get_proxy.3 \
	man/proxyproto_keep_headers.3 \
	man/proxyproto_next_tlv.3 \
	man/proxyproto_parse.3 \
	man/proxyproto_read_ssl.3 \
	man/proxyproto_strerror.3 \
	man/proxyproto_tlv_name.3 \
	man/proxyproto_version.3
